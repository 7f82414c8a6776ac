#!/usr/bin/env bash
# One would guess: where a class names a Protocol as its base, and the Protocol has a read-only property, mypy treats
# `self.id = ...` and `self.id: str = ...` alike: both fail at run time, for the property that is inherited has no setter.
#
# What happens: mypy refuses the plain assignment ("read-only"), and takes the annotated one, and a field of a dataclass
# of that name, as an override. At run time all three raise AttributeError when the first object is made. So a class
# that matched the Protocol by its shape, and worked, breaks by naming it as its base, and strict mypy is content.
#
# Seen with mypy 2.4.1, Python 3.11.
# Source: mypy takes an annotated assignment in a method for a new declaration of the attribute; Python finds the data
# descriptor on the base first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mypy==2.4.1
cd "$folder"
head='from dataclasses import dataclass
from typing import Protocol


class Named(Protocol):
    @property
    def id(self) -> str: ...


'
printf '%s' "$head" | tee annotated.py field.py >plain.py
printf 'class Run(Named):\n    def __init__(self, id: str) -> None:\n        self.id = id\n\n\nRun("a")\n' >>plain.py
printf 'class Run(Named):\n    def __init__(self, id: str) -> None:\n        self.id: str = id\n\n\nRun("a")\n' >>annotated.py
printf '@dataclass\nclass Run(Named):\n    id: str\n\n\nRun("a")\n' >>field.py
venv/bin/mypy --version
for kind in plain annotated field; do
	venv/bin/mypy --strict "$kind.py" >checked.txt && checked=taken || checked=refused
	venv/bin/python "$kind.py" 2>raised.txt && ran=runs || ran=$(tail -n 1 raised.txt)
	echo "$kind: $checked by mypy; $ran"
	printf '%s %s %s\n' "$kind" "$checked" "${ran%%:*}" >>seen.txt
done
diff seen.txt - <<'SEEN'
plain refused AttributeError
annotated taken AttributeError
field taken AttributeError
SEEN
