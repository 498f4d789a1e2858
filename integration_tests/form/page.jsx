// The form of a spec, by the rules of Airbyte's web app, as far as they matter to who fills it in: required fields first,
// then those with `always_show`, then choices; all other fields are folded. A `const` is sent but not shown. At the root,
// fields stand in groups.
import Form from "@rjsf/core";
import validator from "@rjsf/validator-ajv8";
import React from "react";
import { createRoot } from "react-dom/client";

const spec = window.SPEC;

function byOrder(properties) {
  return (one, other) => (properties[one.name].order ?? 0) - (properties[other.name].order ?? 0);
}

function isShown(schema, name) {
  const field = schema.properties[name];
  return (schema.required || []).includes(name) || field.always_show || field.oneOf;
}

function Fields({ schema, fields }) {
  const shown = fields.filter((field) => isShown(schema, field.name));
  const folded = fields.filter((field) => !isShown(schema, field.name));
  return (
    <>
      {shown.map((field) => field.content)}
      {folded.length > 0 && (
        <details>
          <summary>Optional fields</summary>
          {folded.map((field) => field.content)}
        </details>
      )}
    </>
  );
}

function ObjectField({ title, description, properties, schema, fieldPathId }) {
  const known = schema.properties || {};
  const fields = properties
    .filter(({ name }) => name in known && !("const" in known[name]))
    .sort(byOrder(known));
  if (fieldPathId.path.length === 0 && schema.groups) {
    return schema.groups.map((group) => (
      <section key={group.id}>
        <h2>{group.title}</h2>
        <Fields schema={schema} fields={fields.filter(({ name }) => known[name].group === group.id)} />
      </section>
    ));
  }
  return (
    <fieldset>
      {title && <legend>{title}</legend>}
      {description && <p className="field-description">{description}</p>}
      <Fields schema={schema} fields={fields} />
    </fieldset>
  );
}

function TextField({ id, value, schema, required, onChange }) {
  const common = { id, required, value: value ?? "", onChange: (event) => onChange(event.target.value || undefined) };
  if (schema.multiline) return <textarea rows={4} placeholder={schema.examples?.[0]} {...common} />;
  return <input type={schema.airbyte_secret ? "password" : "text"} placeholder={schema.examples?.[0]} {...common} />;
}

function AddButton({ id, onClick }) {
  return <button type="button" id={id} onClick={onClick}>Add</button>;
}

function RemoveButton({ id, onClick }) {
  return <button type="button" id={id} onClick={onClick}>Remove</button>;
}

const STYLE = `
  body { font: 14px/1.45 "DejaVu Sans", sans-serif; width: 760px; margin: 24px auto; color: #1a1a2e; }
  section { border: 1px solid #d8d8e4; border-radius: 8px; padding: 4px 20px 16px; margin: 16px 0; }
  fieldset { border: 1px solid #e4e4ee; border-radius: 6px; margin: 10px 0; padding: 6px 14px; }
  legend, label { font-weight: bold; }
  input, textarea, select { width: 100%; box-sizing: border-box; padding: 6px; margin: 3px 0 8px; }
  input[type=checkbox] { width: auto; }
  p, .field-description { color: #667; font-size: 12px; margin: 0 0 6px; font-weight: normal; }
  summary { color: #4b4be0; cursor: pointer; margin: 8px 0; }
  button { padding: 5px 12px; margin: 4px 4px 4px 0; }
`;

function page(submitted) {
  return (
    <>
      <style>{STYLE}</style>
      <Form
        schema={spec}
        validator={validator}
        templates={{ ObjectFieldTemplate: ObjectField, ButtonTemplates: { AddButton, RemoveButton } }}
        widgets={{ TextWidget: TextField }}
        experimental_defaultFormStateBehavior={{ emptyObjectFields: "populateAllDefaults", constAsDefaults: "always" }}
        uiSchema={{ "ui:submitButtonOptions": { submitText: "Save" }, "ui:globalOptions": { orderable: false } }}
        noHtml5Validate
        onSubmit={({ formData }) => submitted(formData)}
        onError={(errors) => { window.ERRORS = errors.map((error) => error.stack); }}
      />
    </>
  );
}

createRoot(document.getElementById("form")).render(page((data) => { window.SUBMITTED = data; }));
