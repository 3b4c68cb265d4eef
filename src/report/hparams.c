/* SPDX-License-Identifier: Apache-2.0 */
/* What TensorBoard's table of hyperparameters reads: a run's settings when it begins, and how it ended. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/events.h"
#include "report/proto.h"

/*
 * A value without a number whose metadata (field 9: plugin_data 1: plugin_name 1, content 2) is a HParamsPluginData
 * (tensorboard/plugins/hparams/plugin_data.proto): 1 version, 3 session_start_info, 4 session_end_info.
 */
static fv_status put_plugin(fv_events *e, const char *tag, int field, fv_str *info)
{
    fv_str content = {.ctx = e->ctx}, plugin = {.ctx = e->ctx}, metadata = {.ctx = e->ctx}, value = {.ctx = e->ctx};
    fv_proto_int(&content, 1, 0);
    fv_proto_message(&content, field, info);
    fv_proto_text(&plugin, 1, "hparams");
    fv_proto_message(&plugin, 2, &content);
    fv_proto_message(&metadata, 1, &plugin);
    fv_proto_text(&value, 1, tag);
    fv_proto_message(&value, 9, &metadata);
    return fv_events_put_value(e, 0, &value);
}

/* An entry of the map of hyperparameters (field 1 of SessionStartInfo): 1 key, 2 a value: 2 number, 3 text, 4 truth. */
static void put_setting(fv_str *info, const char *key, const char *text)
{
    fv_str entry = {.ctx = info->ctx}, value = {.ctx = info->ctx};
    double number;
    bool truth;
    if (fv_text_to_double(text, &number))
        fv_proto_double(&value, 2, number);
    else if ((strcmp(text, "true") == 0 || strcmp(text, "false") == 0) && fv_text_to_bool(text, &truth))
        fv_proto_int(&value, 4, truth);
    else
        fv_proto_text(&value, 3, text);
    fv_proto_text(&entry, 1, key);
    fv_proto_message(&entry, 2, &value);
    fv_proto_message(info, 1, &entry);
}

fv_status fv_events_begin_run(fv_events *e, const char *recipe)
{
    fv_str info = {.ctx = e->ctx};
    char key[64], text[512];
    for (const char *line = recipe; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != 0)) {
        const size_t n = strcspn(line, "\n"), colon = strcspn(line, ":\n");
        if (line[0] == '#' || line[0] == ' ' || colon + 1 >= n || line[colon] != ':' || colon >= sizeof key)
            continue;
        snprintf(key, sizeof key, "%.*s", (int)colon, line);
        const char *from = line + colon + 1 + strspn(line + colon + 1, " ");
        int length = (int)(line + n - from);
        if (length >= 2 && (*from == '"' || *from == '\'') && from[length - 1] == *from) {
            from++;
            length -= 2;
        }
        snprintf(text, sizeof text, "%.*s", length, from);
        if (fv_text_is_utf8(text))
            put_setting(&info, key, text);
    }
    fv_proto_double(&info, 5, fv_time_wall());
    return put_plugin(e, "_hparams_/session_start_info", 3, &info);
}

fv_status fv_events_end_run(fv_events *e, bool good)
{
    fv_str info = {.ctx = e->ctx};
    fv_proto_int(&info, 1, good ? 1 : 2); /* STATUS_SUCCESS, STATUS_FAILURE */
    fv_proto_double(&info, 2, fv_time_wall());
    return put_plugin(e, "_hparams_/session_end_info", 4, &info);
}
