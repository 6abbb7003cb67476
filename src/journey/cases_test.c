#include "journey/cases_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char sound[] =
    "{\"name\":\"Base\",\"entry\":{\"rules\":[{\"event\":\"Cart Updated\"}]},\"exits\":[{\"event\":\"Order "
    "Completed\"}],"
    "\"timeout\":\"30d\",\"nodes\":{\"cool_off\":{\"type\":\"wait\",\"for\":\"30m\",\"next\":\"offer\"},"
    "\"offer\":{\"type\":\"activate\",\"destinations\":[\"crm\"],\"next\":\"end\"},\"end\":{\"type\":"
    "\"stop\"}},"
    "\"start\":\"cool_off\"}";

static void merge(json_t *into, json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach(patch, key, value)
    {
        json_t *old = json_object_get(into, key);
        if (json_is_null(value)) {
            json_object_del(into, key);
        } else if (json_is_object(value)) {
            if (!json_is_object(old)) {
                json_object_set_new(into, key, json_object());
                old = json_object_get(into, key);
            }
            merge(old, value);
        } else {
            json_object_set(into, key, value);
        }
    }
}

json_t *case_document(const char *path, int line, const char *text)
{
    json_t *given, *document = NULL;
    bool whole = *text == '=';
    json_error_t error;
    given = json_loads(text + whole, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!given)
        fail_msg("%s:%d is no JSON: %s", path, line, error.text);
    if (whole)
        return given;
    assert_int_equal(document_parse(str_from(sound), "sound", &document, NULL), ERR_OK);
    merge(document, given);
    json_decref(given);
    return document;
}

void cases_each(const char *path, void (*take)(void *context, int line, char *text), void *context)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot read %s", path);
    char *text = NULL;
    size_t capacity = 0;
    for (int line = 1; getline(&text, &capacity, file) > 0; line++) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0] && text[0] != '#')
            take(context, line, text);
    }
    free(text);
    fclose(file);
}
