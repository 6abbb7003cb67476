/* The connection's side of streamed answers (http.h has the owner's). */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H
#include "http/server.h"

/* The connection is over: nothing that is put from now on is heard. */
void stream_detach(struct http_stream *stream);
/* The server stops: every stream ends at once, and so does one that is begun from now on. */
void stream_end_all(struct http_server *server);

#endif
