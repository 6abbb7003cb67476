#include "http/service.h"

#include "http/api.h"
#include "http/health.h"

/* Handlers that append to the control log, and so wait for the disk. */
#define LATER(handler)                                                                                       \
    static void handler##_later(void *context, struct http_request *request)                                 \
    {                                                                                                        \
        api_later(context, request, handler);                                                                \
    }
LATER(api_journeys_create)
LATER(api_draft_save)
LATER(api_draft_discard)
LATER(api_journey_act)
LATER(api_destination_define)
LATER(api_destination_remove)
LATER(api_keys_make)
LATER(api_key_revoke)
LATER(api_settings_change)

const struct http_route service_routes[] = {
    HEALTH_ROUTES,
    {"POST", "/v1/identify", HTTP_WRITE_BODY, api_identify, 0},
    {"POST", "/v1/track", HTTP_WRITE_BODY, api_track, 0},
    {"POST", "/v1/page", HTTP_WRITE_BODY, api_page_viewed, 0},
    {"POST", "/v1/screen", HTTP_WRITE_BODY, api_screen_viewed, 0},
    {"POST", "/v1/batch", HTTP_WRITE_BODY, api_batch, 0},
    {"POST", "/v1/journeys/check", HTTP_ADMIN, api_journeys_check, 0},
    {"POST", "/v1/journeys", HTTP_ADMIN, api_journeys_create_later, 0},
    {"GET", "/v1/journeys", HTTP_ADMIN, api_journeys_list, 0},
    {"GET", "/v1/journeys/{journey}", HTTP_ADMIN, api_journey, 0},
    {"GET", "/v1/journeys/{journey}/draft", HTTP_ADMIN, api_draft, 0},
    {"PUT", "/v1/journeys/{journey}/draft", HTTP_ADMIN, api_draft_save_later, 0},
    {"DELETE", "/v1/journeys/{journey}/draft", HTTP_ADMIN, api_draft_discard_later, 0},
    {"POST", "/v1/journeys/{journey}/check", HTTP_ADMIN, api_journey_check, 0},
    {"POST", "/v1/journeys/{journey}/actions", HTTP_ADMIN, api_journey_act_later, 0},
    {"POST", "/v1/journeys/{journey}/enroll", HTTP_ADMIN, api_journey_enroll, 0},
    {"GET", "/v1/journeys/{journey}/statistics", HTTP_ADMIN, api_journey_statistics, 0},
    {"GET", "/v1/destinations", HTTP_ADMIN, api_destinations_list, 0},
    {"GET", "/v1/destinations/{destination}", HTTP_ADMIN, api_destination, 0},
    {"PUT", "/v1/destinations/{destination}", HTTP_ADMIN, api_destination_define_later, 0},
    {"DELETE", "/v1/destinations/{destination}", HTTP_ADMIN, api_destination_remove_later, 0},
    {"GET", "/v1/contacts", HTTP_ADMIN, api_contacts_list, 0},
    {"POST", "/v1/contacts/search", HTTP_ADMIN, api_contacts_search, 0},
    {"GET", "/v1/contacts/{contact}", HTTP_ADMIN, api_contact, 0},
    {"GET", "/v1/contacts/{contact}/timeline", HTTP_ADMIN, api_contact_timeline, 0},
    {"GET", "/v1/contacts/{contact}/trace", HTTP_ADMIN, api_contact_trace, 0},
    {"POST", "/v1/imports", HTTP_ADMIN, api_import, IMPORT_BYTES_MAX, .upload = true},
    {"GET", "/v1/imports", HTTP_ADMIN, api_imports_list, 0},
    {"GET", "/v1/imports/{import}", HTTP_ADMIN, api_import_look, 0},
    {"DELETE", "/v1/imports/{import}", HTTP_ADMIN, api_import_cancel, 0},
    {"GET", "/v1/imports/{import}/rejects", HTTP_ADMIN, api_import_rejects, 0},
    {"GET", "/v1/keys", HTTP_ADMIN, api_keys_list, 0},
    {"POST", "/v1/keys", HTTP_ADMIN, api_keys_make_later, 0},
    {"DELETE", "/v1/keys/{key}", HTTP_ADMIN, api_key_revoke_later, 0},
    {"GET", "/v1/stream", HTTP_ADMIN, api_stream, 0},
    {"GET", "/v1/settings", HTTP_ADMIN, api_settings, 0},
    {"PATCH", "/v1/settings", HTTP_ADMIN, api_settings_change_later, 0},
    {"GET", "/v1/openapi.yaml", HTTP_OPEN, api_openapi, 0},
};
const size_t service_route_count = sizeof service_routes / sizeof *service_routes;
