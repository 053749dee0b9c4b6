# What the tests of packaging share: LIBRARY_DIR and BUILD_DIR, the compilers, and counting checks. It is read in, with "$@"
# the reader's arguments, and changes to the project's folder.
# shellcheck shell=sh disable=SC2034  # the readers use the variables
LC_ALL=C
export LC_ALL
mkdir -p "$2"
library=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
cd "$(dirname "$0")/../.."
source=$(pwd)
CC=${CC:-cc}
CXX=${CXX:-c++}
checks=0
ok() { checks=$((checks + 1)) && echo "ok    $*"; }
fail() { echo "FAIL  $*" && exit 1; }
