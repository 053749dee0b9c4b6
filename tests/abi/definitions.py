"""Prints a C file that defines each function that a header declares, so that a compiler writes the interface, as a C
program sees it, into debug information: definitions.py HEADER."""

import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
declared = re.findall(r"^((?:const )?\w+ \*?)(store_\w+)(\([^;{}]*\));$", text, flags=re.MULTILINE)
if len(declared) != len(re.findall(r"^\S.*\bstore_\w+\(", text, flags=re.MULTILINE)):
    sys.exit("not every declaration was understood")
print('#include "runestore.h"')
for result, name, parameters in declared:
    body = "" if result == "void " else " return 0; "
    print(f"{result}{name}{parameters} {{{body}}}")
