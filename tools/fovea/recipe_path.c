/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe_path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool recipe_is_path(const fv_setting_row *o, const char *value)
{
    /* Rows whose value is a path; `named`: only where it looks like one, as names stand there too. */
    static const struct {
        size_t offset;
        bool named;
    } rows[] = {{AT(data), false}, {AT(weights), false}, {AT(model), true}, {AT(plan), true}};
    if (o->offset == AT(teacher)) /* of several each is from the present folder */
        return *value && !strchr(value, ',');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (o->offset == rows[i].offset)
            return *value && (!rows[i].named || strpbrk(value, "/."));
    return false;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0 || strpbrk(path, "*?[{") != NULL;
}

const char *recipe_path(const char *directory, const char *value, char text[RECIPE_PATH_MAX], bool *found)
{
    char here[RECIPE_PATH_MAX];
    const bool elsewhere = value[0] != '/' && (!getcwd(here, sizeof here) || strcmp(here, directory) != 0);
    const bool joined =
        elsewhere && (size_t)snprintf(text, RECIPE_PATH_MAX, "%s/%s", directory, value) < RECIPE_PATH_MAX;
    *found = true;
    if (joined && is_there(text))
        return text;
    if (access(value, F_OK) == 0)
        return value;
    *found = is_there(value);
    return joined ? text : value;
}

const char *recipe_place(const char *directory, const char *value, char text[RECIPE_PATH_MAX])
{
    char here[RECIPE_PATH_MAX], joined[RECIPE_PATH_MAX];
    bool found;
    if (!directory)
        directory = getcwd(here, sizeof here) ? here : ".";
    const char *path = recipe_path(directory, value, joined, &found);
    char *real = realpath(path, NULL);
    const bool fits = real && strlen(real) < RECIPE_PATH_MAX;
    snprintf(text, RECIPE_PATH_MAX, "%s", fits ? real : path);
    free(real);
    return text;
}
