"""Builds and runs the container image: with Docker where an engine answers, else with podman.

Podman is installed if need be, and takes as base a small Debian with Python, made here under the official base's name:
so an image registry is not needed. All that is made, and every setting, is in one folder of the user's cache; only the
installed packages are not. `scripts/image` runs this file with any Python, so it imports the standard library alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import ssl
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "source-rest-api-image"

OFFICIAL_BASE = "airbyte/python-connector-base:"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Its path in Debian, and so in the base image."""

PACKAGES = ("podman", "runc", "mmdebstrap")
BASE = (
    "mmdebstrap",
    "--variant=minbase",
    "--include=ca-certificates,netbase,python3,python3-pip,python3-venv,tzdata",
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")),
    # Debian lets pip write to virtual environments only, and has no `python`.
    '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
    '--customize-hook=ln -s /usr/bin/python3 "$1"/usr/local/bin/python',
    # What the official base has too: the user, and a folder of its own.
    '--customize-hook=chroot "$1" groupadd -g 1000 airbyte',
    '--customize-hook=chroot "$1" useradd -u 1000 -g 1000 -M -d /nonexistent -s /usr/sbin/nologin airbyte',
    '--customize-hook=install -d -o 1000 -g 1000 "$1"/airbyte',
    # A place to mount pip's settings on while building, so that none is left in the image.
    '--customize-hook=touch "$1"/etc/pip.conf',
    "trixie",  # the release with the official base's Python, 3.13
    "-",
)
BASE_SETTINGS = ("ENV LANG=C.UTF-8", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
RECIPE = f"{zlib.crc32(repr((BASE, BASE_SETTINGS)).encode()):08x}"


class UnavailableError(Exception):
    """No image can be built here; the text says why."""


class Docker:
    """A Docker engine, which gets the base from its registry."""

    name = "docker"
    build_options: tuple[str, ...] = ("--network=host",)
    read_only: tuple[str, ...] = ("--read-only",)

    def __init__(self) -> None:
        self.environment = dict(os.environ)

    def setup(self, base: str) -> None:
        """Have ready what `build` needs: here nothing, the engine fetches the base itself."""

    def call(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the engine; what it says is shown only if it fails.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run(
            [self.name, *arguments], env=self.environment, cwd=scratch(), capture_output=True, check=False, **options
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{self.name} {' '.join(arguments)} failed:\n{said}")
        return done

    def build(self, folder: Path = ROOT) -> str:
        """Build a connector's image as its metadata names it, tagged `dev`; the name."""
        image = declared(folder / "metadata.yaml", "dockerRepository: *(.+)") + ":dev"
        base = declared(folder / "Dockerfile", "ARG BASE_IMAGE=(.+)")
        with locked():
            self.setup(base)
            self.call("build", *self.build_options, "-t", image, str(folder))
        return image

    def run(self, image: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """The command that runs an image; on the host's network, so that servers on loopback can be reached."""
        network = () if "--network" in options else ("--network", "host")
        return [self.name, "run", "--rm", *network, *options, image, *arguments]

    def clean(self) -> None:
        """Remove the image."""
        with suppress(RuntimeError):
            self.call("image", "rm", "-f", declared(ROOT / "metadata.yaml", "dockerRepository: *(.+)") + ":dev")


class Podman(Docker):
    """Podman, which needs no daemon, with a base made here and settings for machines without cgroups v2."""

    name = "podman"
    read_only = ("--read-only", "--read-only-tmpfs=false")

    def __init__(self) -> None:
        super().__init__()
        self.environment |= {
            "CONTAINERS_CONF": str(CACHE / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(CACHE / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf"),
        }
        bundle = ssl.get_default_verify_paths().cafile or CA_BUNDLE
        mounts = {bundle: CA_BUNDLE, str(CACHE / "pip.conf"): "/etc/pip.conf"} if Path(bundle).exists() else {}
        volumes = [part for path, at in mounts.items() for part in ("--volume", f"{path}:{at}:ro")]
        self.build_options += ("--isolation=chroot", "--pull=never", *volumes)

    def setup(self, base: str) -> None:
        """Install podman, write its settings, make the official base; whatever is not there yet.

        Raises:
            UnavailableError: This is not a Debian with root, or podman does not work in it.
        """
        install([package for package in PACKAGES if not shutil.which(package)])
        for name, text in settings().items():
            path = CACHE / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
        if base.startswith(OFFICIAL_BASE) and self._recipe(base) != RECIPE:
            self._make_base(base)

    def _recipe(self, image: str) -> str:
        try:
            return self.call("image", "inspect", "--format", "{{.Labels.recipe}}", image).stdout.decode().strip()
        except RuntimeError:
            return ""

    def _make_base(self, base: str) -> None:
        try:
            self._import_base(base)
            self.call(*self.run(base, "true")[1:])
        except RuntimeError as error:
            with suppress(RuntimeError):
                self.call("image", "rm", "--force", base)
            raise UnavailableError(f"no Docker engine answers, and podman does not work here: {error}") from None

    def _import_base(self, base: str) -> None:
        changes = [part for line in (*BASE_SETTINGS, f"LABEL recipe={RECIPE}") for part in ("--change", line)]
        log = CACHE / "base.log"
        with (
            log.open("wb") as said,
            subprocess.Popen(BASE, stdout=subprocess.PIPE, stderr=said, cwd=scratch()) as debian,
        ):
            self.call("import", *changes, "-", base, stdin=debian.stdout)
        if debian.returncode:
            raise RuntimeError(f"{BASE[0]} failed:\n{log.read_text()}")

    def clean(self) -> None:
        """Remove containers, images and mounts; the folder itself is the caller's to remove."""
        if not shutil.which(self.name) or not (CACHE / "storage.conf").exists():
            return
        for command in ("rm", "rmi"):
            with suppress(RuntimeError):
                self.call(command, "--force", "--all")
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{CACHE}/")), reverse=True):
            subprocess.run(["umount", mount], check=False)
        for group in sorted(Path("/sys/fs/cgroup").glob("**/libpod_parent/**"), reverse=True):
            with suppress(OSError):  # somebody else's, with containers in it
                group.rmdir()


def find() -> Docker:
    """Docker if an engine answers (its client alone says nothing), else podman."""
    client = shutil.which("docker")
    answers = client and not subprocess.run([client, "info"], capture_output=True, check=False).returncode
    return Docker() if answers else Podman()


def install(packages: list[str]) -> None:
    """Install Debian packages."""
    if os.geteuid():
        raise UnavailableError("no Docker engine answers, and podman is set up for root only")
    if not packages:
        return
    missing = ", ".join(packages)
    if not shutil.which("apt-get"):
        raise UnavailableError(f"no Docker engine answers, and for podman this is no Debian and lacks {missing}")
    log = b""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *command]
        log += subprocess.run(apt, env=environment, capture_output=True, check=False).stdout
    # Not the exit code: it is not 0 either when somebody else's package is half configured.
    if not all(map(shutil.which, packages)):
        raise UnavailableError(f"no Docker engine answers, and apt-get did not install {missing}:\n{log.decode()}")


def settings() -> dict[str, str]:
    """Podman's files: what it needs to run as root anywhere, with all state in our folder."""
    limits = ", ".join(
        f'"{name}={soft}:{soft}"'
        for name, soft in (
            # Podman asks for the caps named here; where root may not raise its own hard limit, that fails.
            ("nofile", least(resource.RLIMIT_NOFILE, 1 << 20)),
            ("nproc", least(resource.RLIMIT_NPROC, 1 << 15)),
        )
    )
    index = (
        os.environ.get("PIP_INDEX_URL")
        or subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
    )
    return {
        # The network of the host: a bridge would leave links and packet filter rules behind.
        # runc: Debian's crun refuses cgroups v1 and v2 side by side. No `static_dir`: runs would hang at their end.
        "containers.conf": f"""[containers]
netns = "host"
default_ulimits = [{limits}]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{CACHE}/tmp"
volume_path = "{CACHE}/volumes"
""",
        "storage.conf": f"""[storage]
driver = "overlay"
graphroot = "{CACHE}/graph"
runroot = "{CACHE}/run"
""",
        "registries.conf": "unqualified-search-registries = []\n",  # a missing image is not looked for on the net
        "pip.conf": f"[global]\ncert = {CA_BUNDLE}\n" + (f"index-url = {index}\n" if index else ""),
    }


def least(limit: int, cap: int) -> int:
    """The hard limit, or the cap if that is lower."""
    hard = resource.getrlimit(limit)[1]
    return cap if hard == resource.RLIM_INFINITY else min(hard, cap)


def declared(path: Path, pattern: str) -> str:
    """Returns the value that a file declares on its own line."""
    found = re.search(rf"^\s*{pattern}$", path.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"{path} has no line like `{pattern}`")
    return found[1].strip()


def scratch() -> Path:
    """A working directory: when memory runs out, podman leaves a file there."""
    folder = CACHE / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time set up and build."""
    with (scratch() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> None:
    """Runs the command `scripts/image`."""
    engine = find()
    match arguments:
        case ["setup"]:
            with locked():
                engine.setup(declared(ROOT / "Dockerfile", "ARG BASE_IMAGE=(.+)"))
        case ["build", *folder] if len(folder) <= 1:
            sys.stdout.write(engine.build(Path(*folder).resolve() if folder else ROOT) + "\n")
        case ["run", *command]:
            image = engine.build()
            here = str(Path.cwd())
            run = engine.run(image, *command, options=("--volume", f"{here}:/work:ro", "--workdir", "/work"))
            os.execvpe(run[0], run, engine.environment)
        case ["clean"]:
            engine.clean()
            Podman().clean()  # from a time when no Docker engine answered
            shutil.rmtree(CACHE, ignore_errors=True)
        case _:
            raise SystemExit("scripts/image setup | build [FOLDER] | test | run ARGS… | clean")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (RuntimeError, UnavailableError) as error:
        raise SystemExit(f"scripts/image: {error}") from None
