/* The answer of a request, made on any thread and sent on the connection's own. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H
#include "http/server.h"

/* The server's own refusal, before a handler has seen the request. */
void answer_refuse(struct http_request *request, unsigned status, const char *text);

/* Takes the response, with the headers of the request, as the answer; then delivers it. */
void answer_take(struct http_request *request, unsigned status, struct MHD_Response *response,
                 const char *type);
/* From here on the request belongs to the connection's thread. */
void answer_deliver(struct http_request *request);

/* On the connection's thread, where the library takes an answer: after the headers or after the whole body.
 */
bool answer_send(struct http_request *request);

/* While a body still comes in, where it takes none: the refusal goes straight into the socket, and the
 * connection must be given up. */
void answer_send_and_give_up(struct http_request *request);

#endif
