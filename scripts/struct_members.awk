# SPDX-License-Identifier: Apache-2.0
# Prints "FILE:LINE: NAME has N members" for every struct of more than MAX members. Those that a macro or an included
# table expands to are not seen, and so do not count; a struct within counts as one.
# usage: awk -v max=30 -f struct_members.awk FILES
function without_comments(line,  begin, end) {
    if (inside) {
        end = index(line, "*/")
        if (!end)
            return ""
        inside = 0
        line = substr(line, end + 2)
    }
    while ((begin = index(line, "/*")) > 0) {
        end = index(substr(line, begin + 2), "*/")
        if (!end) {
            inside = 1
            return substr(line, 1, begin - 1)
        }
        line = substr(line, 1, begin - 1) " " substr(line, begin + end + 3)
    }
    return line
}
FNR == 1 { inside = 0; depth = 0 }
{ line = without_comments($0) }
line ~ /^#/ { next }
depth == 0 && line ~ /^(typedef )?(struct|union)( [a-z_0-9]+)? \{/ {
    name = line
    sub(/^(typedef )?(struct|union) ?/, "", name)
    sub(/ ?\{.*/, "", name)
    at = FNR; members = 0; commas = 0; text = 0; parens = 0
    depth = 1
    sub(/^[^{]*\{/, "", line)
}
depth > 0 {
    n = length(line)
    for (i = 1; i <= n && depth > 0; i++) {
        c = substr(line, i, 1)
        if (c == "{") depth++
        else if (c == "}") depth--
        else if (c == "(" || c == "[") parens++
        else if (c == ")" || c == "]") parens--
        else if (depth == 1 && parens == 0 && c == ",") commas++
        else if (depth == 1 && parens == 0 && c == ";") { members += text ? 1 + commas : 0; commas = 0; text = 0 }
        else if (c != " ") text = 1
    }
    if (depth == 0 && members > max)
        printf "%s:%d: %s has %d members\n", FILENAME, at, name == "" ? "a struct" : name, members
}
