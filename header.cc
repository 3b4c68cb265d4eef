#include <fovea/zoo.h>
int fv_lint_unit;
