"""The seed reference's own Python: its requirements in a virtual environment, made once."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent / "peers" / "seed"


def seed_python() -> str:
    """Return the interpreter; rebuilt when the requirements have changed."""
    wanted = (_FOLDER / "requirements.txt").read_bytes() + sys.version.encode()
    data = Path(os.environ.get("DATA_DIR") or "data").absolute()
    folder = data / "benchmarks" / f"seed-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"Installing the seed reference's requirements in {folder} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "-r", _FOLDER / "requirements.txt"], check=True
        )
        (folder / "complete").touch()
    return str(python)
