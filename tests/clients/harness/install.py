"""Brings the pinned clients into ignored folders beside their adapters."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
INSTALL_S = 300


class Missing(Exception):
    """Something the machine must have before the tests can run."""


def run(*command, cwd):
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S
    )
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def need(program, why):
    if not shutil.which(program):
        raise Missing(f"{program} is not installed: {why}")


def pynsq(_scratch):
    """A venv, or where python comes without ensurepip, pip's own way of installing into a folder."""
    folder = CLIENTS / "pynsq"
    venv = CLIENTS / ".venv"
    requirements = folder / "requirements.txt"
    installed = venv / "requirements.txt"
    python = venv / "bin" / "python"
    if not (installed.exists() and installed.read_text() == requirements.read_text()):
        shutil.rmtree(venv, ignore_errors=True)
        try:
            run(sys.executable, "-m", "venv", venv, cwd=folder)
        except Missing as error:
            print(f"no venv ({error}), installing with pip --target instead", flush=True)
            shutil.rmtree(venv, ignore_errors=True)
        if python.exists():
            run(python, "-m", "pip", "install", "--quiet", "-r", requirements, cwd=folder)
        else:
            run(sys.executable, "-m", "pip", "install", "--quiet", "--target", venv, "-r", requirements, cwd=folder)
        shutil.copy(requirements, installed)
    if python.exists():
        return [python, folder / "adapter.py"]
    return ["env", f"PYTHONPATH={venv}", sys.executable, folder / "adapter.py"]


def nsqjs(_scratch):
    need("node", "nsqjs runs on it")
    need("npm", "it installs nsqjs")
    folder = CLIENTS / "nsqjs"
    lock = folder / "package-lock.json"
    installed = folder / "node_modules" / "complete-package-lock.json"
    if not (installed.exists() and installed.read_text() == lock.read_text()):
        # The optional parts are for snappy, and come compiled.
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        shutil.copy(lock, installed)
    return ["node", folder / "adapter.js"]


def go_nsq(scratch):
    need("go", "it builds the go-nsq adapter")
    program = Path(scratch) / "go-nsq-adapter"
    run("go", "build", "-mod=readonly", "-o", program, ".", cwd=CLIENTS / "go-nsq")
    return [program]


def certificates(scratch):
    """Made for this run and gone with it."""
    need("go", "it makes certificates")
    folder = Path(scratch) / "certificates"
    folder.mkdir()
    run("go", "run", ".", folder, cwd=CLIENTS / "certificates")
    return folder


def nsq():
    """Our own nsqd, built."""
    root = CLIENTS.parent.parent
    need("cargo", "it builds nsq")
    if subprocess.run(["cargo", "build", "--release"], cwd=root, stdin=subprocess.DEVNULL).returncode:
        raise Missing("cargo build --release failed")
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    return [root / target / "release" / "nsq", "nsqd"]


def unsupported(client, setting):
    """Why the client cannot do this here, whatever nsqd does; None if it can."""
    if client == "pynsq" and setting.compression and sys.version_info >= (3, 12):
        return "pynsq's compression needs tornado 6.0, which needs Python before 3.12"
    return None


BY_NAME = {"pynsq": pynsq, "nsqjs": nsqjs, "go-nsq": go_nsq}
