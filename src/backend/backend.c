/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/solver.h"

#define FV_SOLVERS(name) extern const fv_solver fv_cpu_##name##_solvers[];
#include "backend/cpu/solvers.def"
#undef FV_SOLVERS

static const fv_solver *const cpu_tables[] = {
#define FV_SOLVERS(name) fv_cpu_##name##_solvers,
#include "backend/cpu/solvers.def"
#undef FV_SOLVERS
    NULL,
};

const fv_solver_provider fv_cpu_provider = {.name = "cpu", .tables = cpu_tables};

const fv_solver_provider *const fv_cpu_providers[] = {&fv_cpu_provider, &fv_reference_provider, NULL};

void fv_solvers_visit(const fv_solver_provider *const *providers, void (*visit)(void *arg, const fv_solver *solver),
                      void *arg)
{
    for (; *providers; providers++)
        for (const fv_solver *const *table = (*providers)->tables; *table; table++)
            for (const fv_solver *s = *table; s->name; s++)
                visit(arg, s);
}
