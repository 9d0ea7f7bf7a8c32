"""See that a wheel holds what an installed handgrad needs, and nothing else.

python wheel_contents.py dist/handgrad-*.whl
"""

import sys
import zipfile
from pathlib import Path

PACKAGES = {"layers", "losses", "optimizers", "pictures", "training"}
DATA = ["training/data/digits.npz", "training/data/digits.txt", "pictures/page.html"]

wheel = Path(sys.argv[1])
names = zipfile.ZipFile(wheel).namelist()
folders = {name.split("/")[0] for name in names}
metadata = {folder for folder in folders if folder.endswith(".dist-info")}

for name in [*(f"{package}/py.typed" for package in sorted(PACKAGES)), *DATA]:
    if name not in names:
        sys.exit(f"{wheel.name}: {name} is missing")
if not any(name.endswith("/LICENSE") for name in names):
    sys.exit(f"{wheel.name}: the LICENSE is missing")
if folders != PACKAGES | metadata:
    sys.exit(f"{wheel.name}: must hold {sorted(PACKAGES)} alone, got {sorted(folders - metadata)}")
for source in sorted(path for package in PACKAGES for path in Path(package).rglob("*.py")):
    if source.as_posix() not in names:
        sys.exit(f"{wheel.name}: {source} is missing")
print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1024:.0f} KB")
