/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/solver.h"

#define FV_SOLVERS(name) extern const fv_solver fv_cpu_##name##_solvers[];
#include "backend/cpu/solvers.def"
#undef FV_SOLVERS

/* Begins with an entry of its own so that the table is never empty. */
static const fv_solver *const cpu_tables[] = {
    NULL,
#define FV_SOLVERS(name) fv_cpu_##name##_solvers,
#include "backend/cpu/solvers.def"
#undef FV_SOLVERS
};

void fv_cpu_solvers(void (*visit)(void *arg, const fv_solver *solver), void *arg)
{
    for (size_t i = 1; i < sizeof cpu_tables / sizeof cpu_tables[0]; i++) {
        for (const fv_solver *s = cpu_tables[i]; s->name; s++)
            visit(arg, s);
    }
}
