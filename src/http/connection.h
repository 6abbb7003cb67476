/* The library's callbacks: connections that come and go, requests that come in piece by piece, answers that
 * go out. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H
#include <microhttpd.h>

#include "http/server.h"

/* MHD_OPTION_NOTIFY_CONNECTION */
void connection_change(void *server, struct MHD_Connection *connection, void **watched,
                       enum MHD_ConnectionNotificationCode what);
/* MHD_OPTION_URI_LOG_CALLBACK: the only place that sees the target as it was sent. */
void *connection_target(void *server, const char *raw, struct MHD_Connection *connection);
/* MHD_OPTION_UNESCAPE_CALLBACK: leaves it all as it is, since we decode by our own, stricter rules. */
size_t connection_leave_escaped(void *server, struct MHD_Connection *connection, char *text);
enum MHD_Result connection_access(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes, size_t *size,
                                  void **request);
/* MHD_OPTION_NOTIFY_COMPLETED */
void connection_completed(void *server, struct MHD_Connection *connection, void **request,
                          enum MHD_RequestTerminationCode why);

#endif
