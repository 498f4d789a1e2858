// Fills the form in Chromium: `node fill.cjs CHROMIUM PAGE FOLDER < steps.json`, and prints what *Save* submits.
// Steps: ["fill", field, text], ["see", field], ["choose", union, title], ["add", array], ["picture", name]. A field is the
// path of its names and indexes, joined by "_"; "see" fails where it is folded. Pictures go into FOLDER.
const { chromium } = require("playwright-core");
const { readFileSync } = require("node:fs");

const [executablePath, file, folder] = process.argv.slice(2);

async function opened(page, id) {
  const found = page.locator(`[id="${id}"]`);
  await found.evaluate((element) => {
    for (let outer = element; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
  });
  return found;
}

const STEPS = {
  fill: async (page, field, text) => (await opened(page, `root_${field}`)).fill(text),
  see: async (page, field) => page.locator(`[id="root_${field}"]`).waitFor({ state: "visible" }),
  choose: async (page, union, title) => (await opened(page, `root_${union}__oneof_select`)).selectOption({ label: title }),
  add: async (page, array) => (await opened(page, `root_${array}__add`)).click(),
  picture: async (page, name) => page.screenshot({ path: `${folder}/${name}.png`, fullPage: true }),
};

async function main() {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 900, height: 1000 } });
    page.setDefaultTimeout(20000);
    page.on("pageerror", (error) => console.error(error.stack));
    await page.goto(`file://${file}`);
    await page.waitForSelector("form");
    for (const [step, ...values] of JSON.parse(readFileSync(0, "utf8"))) await STEPS[step](page, ...values);
    await page.locator("button[type=submit]").click();
    await page.waitForFunction(() => window.SUBMITTED || window.ERRORS);
    console.log(JSON.stringify(await page.evaluate(() => ({ submitted: window.SUBMITTED, errors: window.ERRORS }))));
  } finally {
    await browser.close();
  }
}

main();
