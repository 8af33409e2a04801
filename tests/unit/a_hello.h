/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/a_hello.h - the first messages of TLS, as far as a gate that does
 * not take part looks at them.
 */
#ifndef SP_TEST_A_HELLO_H
#define SP_TEST_A_HELLO_H

#include "core/buf.h"

static inline void put_be(struct sp_buf *b, size_t width, size_t v)
{
	while (width-- > 0)
		sp_buf_byte(b, (uint8_t)(v >> 8 * width));
}

static inline void put_record(struct sp_buf *b, uint8_t type, struct sp_str s)
{
	sp_buf_byte(b, type);
	put_be(b, 2, 0x0303);
	put_be(b, 2, s.n);
	sp_buf_add(b, s);
}

/* A message in records of at most so many bytes. */
static inline void put_message(struct sp_buf *b, uint8_t type,
                               struct sp_str body, size_t size)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf m;
	struct sp_str s;

	sp_buf_init(&m, 65536);
	sp_buf_byte(&m, type);
	put_be(&m, 3, body.n);
	sp_buf_add(&m, body);
	for (s = sp_buf_str(&m); s.n > 0;)
		put_record(b, 22, sp_str_take(&s, size < s.n ? size : s.n));
}

/* name NULL: without a server name. */
static inline void put_hello(struct sp_buf *b, const char *name, size_t size)
{
	SP_CLEANUP(sp_buf_fini) struct sp_buf m;
	size_t n = name != NULL ? strlen(name) : 0;

	sp_buf_init(&m, 65536);
	put_be(&m, 2, 0x0303);
	for (unsigned i = 0; i < 32; i++)
		sp_buf_byte(&m, 7);
	put_be(&m, 1, 0); /* session */
	put_be(&m, 2, 2);
	put_be(&m, 2, 0x1301);
	put_be(&m, 2, 0x0100); /* compression */
	if (name == NULL) {
		put_be(&m, 2, 0);
	} else {
		put_be(&m, 2, n + 9);
		put_be(&m, 2, 0);
		put_be(&m, 2, n + 5);
		put_be(&m, 2, n + 3);
		put_be(&m, 1, 0);
		put_be(&m, 2, n);
		sp_buf_text(&m, name);
	}
	put_message(b, 1, sp_buf_str(&m), size);
}

/* What a server says first: an ordinary answer, or "try again". */
static inline void put_answer(struct sp_buf *b, bool again, size_t size)
{
	static const char retry[] =
		"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8"
		"\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8"
		"\x33\x9c";
	SP_CLEANUP(sp_buf_fini) struct sp_buf m;

	sp_buf_init(&m, 65536);
	put_be(&m, 2, 0x0303);
	sp_buf_add(&m, (struct sp_str){ (const uint8_t *)retry, 31 });
	sp_buf_byte(&m, again ? 0x9c : 0x9d);
	put_be(&m, 1, 0);
	put_be(&m, 2, 0x1301);
	put_be(&m, 1, 0);
	put_message(b, 2, sp_buf_str(&m), size);
}

#endif
