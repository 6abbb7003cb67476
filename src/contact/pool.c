/* Pages of 16 KB at addresses that 16 KB divides, so that masking the address of an array gives its page:
 *
 *     region (64 KB, then up to 1 MB) = | page | page | page | …
 *     page = | links, class, live, carved, given_back | array | array | array | … |
 *                                  │            └─▶ list through arrays that were given back
 *                                  └─ arrays that were ever taken from its end
 *
 * A class keeps its pages with room in a list; full pages stand in no list. Arrays over a quarter of a page
 * come from malloc and stand in a list of their own. */
#include "contact/pool.h"

#include "base/array.h"
#include "base/check.h"

enum { PAGE_BYTES = 16 << 10, REGION_PAGES_MIN = 4, REGION_PAGES_MAX = 64, LARGE_BYTES = PAGE_BYTES / 4 };

struct pool_page {
    struct pool_page *next, *previous;
    void *given_back;
    uint32_t class, live, carved, room; /* room: arrays that the page holds in all */
    _Alignas(16) char bytes[];
};

struct pool_region {
    struct pool_region *next;
    void *pages;
};

struct pool_large {
    struct pool_large *next, *previous;
    _Alignas(16) char bytes[];
};

void pool_init(struct pool *pool, uint32_t header_bytes, uint32_t item_bytes)
{
    CHECK(header_bytes + item_bytes >= sizeof(void *)); /* an array given back holds a link */
    *pool = (struct pool){.header_bytes = header_bytes, .item_bytes = item_bytes};
}

void pool_deinit(struct pool *pool)
{
    for (struct pool_region *region = pool->regions; region;) {
        struct pool_region *next = region->next;
        free(region->pages);
        free(region);
        region = next;
    }
    for (struct pool_large *large = pool->large; large;) {
        struct pool_large *next = large->next;
        free(large);
        large = next;
    }
    *pool = (struct pool){0};
}

/* 1, 2, 3, 4, 6, 8, 12, 16, …: the powers of two and three quarters of them, numbered from 0. */
static uint32_t class_of(uint32_t count)
{
    CHECK(count > 0 && count <= POOL_CAPACITY_MAX);
    if (count <= 2)
        return count - 1;
    uint32_t log = 32 - (uint32_t)__builtin_clz(count - 1); /* 2^log is the power that holds it */
    return count <= (UINT32_C(3) << log) / 4 ? 2 * log - 2 : 2 * log - 1;
}

static uint32_t class_capacity(uint32_t class)
{
    if (class < 2)
        return class + 1;
    return class % 2 ? UINT32_C(1) << (class + 1) / 2 : (UINT32_C(3) << (class / 2 + 1)) / 4;
}

uint32_t pool_capacity(uint32_t count)
{
    return class_capacity(class_of(count));
}

static void page_link(struct pool_page **list, struct pool_page *page)
{
    page->previous = NULL;
    page->next = *list;
    if (page->next)
        page->next->previous = page;
    *list = page;
}

static void page_unlink(struct pool_page **list, struct pool_page *page)
{
    if (page->next)
        page->next->previous = page->previous;
    if (page->previous)
        page->previous->next = page->next;
    else
        *list = page->next;
}

static void region_add(struct pool *pool)
{
    size_t pages = pool->pages < REGION_PAGES_MIN   ? REGION_PAGES_MIN
                   : pool->pages < REGION_PAGES_MAX ? pool->pages
                                                    : REGION_PAGES_MAX;
    struct pool_region *region = memory_take(sizeof *region);
    char *bytes = aligned_alloc(PAGE_BYTES, pages * PAGE_BYTES);
    CHECK(bytes);
    *region = (struct pool_region){.next = pool->regions, .pages = bytes};
    pool->regions = region;
    pool->pages += pages;
    pool->empty_pages += pages;
    for (size_t i = pages; i-- > 0;)
        page_link(&pool->empty, (struct pool_page *)(void *)(bytes + i * PAGE_BYTES));
}

static struct pool_page *page_open(struct pool *pool, uint32_t class, size_t array_bytes)
{
    if (!pool->empty)
        region_add(pool);
    struct pool_page *page = pool->empty;
    page_unlink(&pool->empty, page);
    pool->empty_pages--;
    if (pool->pages - pool->empty_pages > pool->touched)
        pool->touched = pool->pages - pool->empty_pages;
    *page = (struct pool_page){.class = class, .room = (uint32_t)((PAGE_BYTES - sizeof *page) / array_bytes)};
    page_link(&pool->open[class], page);
    return page;
}

static size_t array_bytes_of(const struct pool *pool, uint32_t capacity)
{
    return pool->header_bytes + (size_t)pool->item_bytes * capacity;
}

static void *large_take(struct pool *pool, size_t array_bytes)
{
    struct pool_large *large = memory_take(sizeof *large + array_bytes);
    *large = (struct pool_large){.next = pool->large};
    if (large->next)
        large->next->previous = large;
    pool->large = large;
    pool->large_bytes += sizeof *large + array_bytes;
    return large->bytes;
}

static void large_give(struct pool *pool, void *array, size_t array_bytes)
{
    struct pool_large *large = (void *)((char *)array - offsetof(struct pool_large, bytes));
    if (large->next)
        large->next->previous = large->previous;
    if (large->previous)
        large->previous->next = large->next;
    else
        pool->large = large->next;
    pool->large_bytes -= sizeof *large + array_bytes;
    free(large);
}

void *pool_take(struct pool *pool, uint32_t capacity)
{
    size_t array_bytes = array_bytes_of(pool, capacity);
    if (array_bytes > LARGE_BYTES)
        return large_take(pool, array_bytes);
    uint32_t class = class_of(capacity);
    struct pool_page *page = pool->open[class];
    if (!page)
        page = page_open(pool, class, array_bytes);
    void *array = page->given_back;
    if (array)
        memcpy(&page->given_back, array, sizeof page->given_back);
    else
        array = page->bytes + array_bytes * page->carved++;
    if (++page->live == page->room)
        page_unlink(&pool->open[class], page);
    return array;
}

void pool_give(struct pool *pool, void *array, uint32_t capacity)
{
    size_t array_bytes = array_bytes_of(pool, capacity);
    if (array_bytes > LARGE_BYTES) {
        large_give(pool, array, array_bytes);
        return;
    }
    struct pool_page *page = (void *)((uintptr_t)array & ~(uintptr_t)(PAGE_BYTES - 1));
    CHECK(page->class == class_of(capacity) && page->live > 0);
    if (page->live-- == page->room)
        page_link(&pool->open[page->class], page);
    memcpy(array, &page->given_back, sizeof page->given_back);
    page->given_back = array;
    if (page->live == 0) {
        page_unlink(&pool->open[page->class], page);
        page_link(&pool->empty, page);
        pool->empty_pages++;
    }
}

size_t pool_bytes(const struct pool *pool)
{
    return pool->touched * PAGE_BYTES + pool->large_bytes;
}
