#include "partition/mailbox.h"

void mail_list_push(struct mail_list *list, struct mail *mail)
{
    mail->next = NULL;
    if (list->last)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

struct mail *mail_list_take(struct mail_list *list)
{
    struct mail *mail = list->first;
    if (!mail)
        return NULL;
    list->first = mail->next;
    if (!list->first)
        list->last = NULL;
    return mail;
}
