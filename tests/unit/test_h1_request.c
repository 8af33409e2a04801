/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "h1_case.h"

/* A request line in front of the one field that is needed. */
#define LINE(line) W(line "\r\nHost: a\r\n\r\n")
/* Fields behind a request line and Host. */
#define GET(fields)  W("GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define POST(fields) W("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define OLD(fields)  W("GET / HTTP/1.0\r\nHost: a\r\n" fields "\r\n")

#define NONE     SP_REASON_NONE
#define BAD      SP_REASON_BAD_REQUEST
#define BAD_HOST SP_REASON_BAD_HOST
#define VERSION  SP_REASON_VERSION
#define CODING   SP_REASON_NOT_IMPLEMENTED
#define EXPECT   SP_REASON_EXPECTATION
#define METHOD   SP_REASON_METHOD_REFUSED
#define LARGE    SP_REASON_HEAD_TOO_LARGE
#define URI      SP_REASON_URI_TOO_LONG

/* clang-format off */
static const struct {
	const char *name;
	struct wire wire;
	enum sp_reason reason;
	const char *want; /* see h1_case.h */
} cases[] = {
	/* what must work */
	{ "plain", GET(""), NONE, "GET / host=a none ka" },
	{ "query", LINE("GET /a/b?c=d&e HTTP/1.1"), NONE, "GET /a/b?c=d&e host=a none ka" },
	{ "only a question mark", LINE("GET /? HTTP/1.1"), NONE, "GET /? host=a none ka" },
	{ "two question marks", LINE("GET /a?b?c HTTP/1.1"), NONE, "GET /a?b?c host=a none ka" },
	{ "encoded slash stays", LINE("GET /a%2Fb%2e%2e HTTP/1.1"), NONE, "GET /a%2Fb%2e%2e host=a none ka" },
	{ "double slash stays", LINE("GET /" "/b//c HTTP/1.1"), NONE, "GET /" "/b//c host=a none ka" },
	{ "odd but visible bytes", LINE("GET /{a}|\"<b>^`\\ HTTP/1.1"), NONE, "GET /{a}|\"<b>^`\\ host=a none ka" },
	{ "any token is a method", LINE("M-SEARCH!#$%&'*+.^_`|~9 / HTTP/1.1"), NONE, "M-SEARCH!#$%&'*+.^_`|~9 / host=a none ka" },
	{ "lower-case method", LINE("get / HTTP/1.1"), NONE, "get / host=a none ka" },
	{ "empty line before", W("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), NONE, "GET / host=a none ka" },
	{ "bytes behind the head", W("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b\n\n"), NONE, "GET / host=a none ka" },
	{ "OPTIONS of all", LINE("OPTIONS * HTTP/1.1"), NONE, "OPTIONS * host=a none ka" },
	{ "HTTP/1.0", OLD(""), NONE, "GET / host=a none" },
	{ "HTTP/1.0 without Host", W("GET / HTTP/1.0\r\n\r\n"), NONE, "GET / none" },
	{ "HTTP/1.0 keep-alive", OLD("Connection: Keep-Alive\r\n"), NONE, "GET / host=a none ka -Connection" },
	{ "no blank behind the colon", GET("X:y\r\n"), NONE, "GET / host=a none ka" },
	{ "empty value", GET("X:\r\n"), NONE, "GET / host=a none ka" },
	{ "blank value", GET("X: \t \r\n"), NONE, "GET / host=a none ka" },
	{ "tab in a value", GET("X: a\tb\r\n"), NONE, "GET / host=a none ka" },
	{ "high bytes in a value", GET("X: \x80\xff\xc3\xa4\r\n"), NONE, "GET / host=a none ka" },
	{ "colon in a value", GET("X: a:b: c\r\n"), NONE, "GET / host=a none ka" },
	{ "Host with port", W("GET / HTTP/1.1\r\nHost: a.b:8443\r\n\r\n"), NONE, "GET / host=a.b:8443 none ka" },
	{ "Host of IPv6", W("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), NONE, "GET / host=[::1]:80 none ka" },
	{ "HOST in capitals, blanks around", W("GET / HTTP/1.1\r\nHOST: \t a \t\r\n\r\n"), NONE, "GET / host=a none ka" },

	/* the end of the head, and line ends */
	{ "incomplete line", W("GET / HT"), NONE, "more" },
	{ "only CR", W("\r"), NONE, "more" },
	{ "no end", W("GET / HTTP/1.1\r\nHost: a\r\n"), NONE, "more" },
	{ "half an end", W("GET / HTTP/1.1\r\nHost: a\r\n\r"), NONE, "more" },
	{ "two empty lines before", W("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BAD, "empty-line" },
	{ "bare LF before", W("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BAD, "bare-lf" },
	{ "bare LF behind the request line", W("GET / HTTP/1.1\nHost: a\r\n\r\n"), BAD, "bare-lf" },
	{ "bare LF behind a field", W("GET / HTTP/1.1\r\nHost: a\n\r\n"), BAD, "bare-lf" },
	{ "bare LF at the end", W("GET / HTTP/1.1\r\nHost: a\r\n\n"), BAD, "bare-lf" },
	{ "bare LF hides a field", GET("X: y\nTransfer-Encoding: chunked\r\n"), BAD, "bare-lf" },
	{ "bare CR in the request line", W("GET /\r HTTP/1.1\r\n\r\n"), BAD, "bare-cr" },
	{ "bare CR in a value", GET("X: y\rZ: 1\r\n"), BAD, "bare-cr" },
	{ "bare CR in a name", GET("X\rY: 1\r\n"), BAD, "bare-cr" },
	{ "CR CR LF", W("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), BAD, "bare-cr" },
	{ "CR at the end is not LF", W("GET / HTTP/1.1\r\nHost: a\r\n\rX"), BAD, "bare-cr" },
	{ "NUL in a value", GET("X: y\0z\r\n"), BAD, "control-byte" },
	{ "NUL in a name", GET("X\0: y\r\n"), BAD, "control-byte" },
	{ "NUL in the target", LINE("GET /\0 HTTP/1.1"), BAD, "control-byte" },
	{ "NUL at once", W("\0"), BAD, "control-byte" },
	{ "a TLS hello at once", W("\x16\x03\x01"), BAD, "control-byte" },
	{ "vertical tab in a value", GET("X: \vy\r\n"), BAD, "control-byte" },
	{ "form feed in a value", GET("X: \fy\r\n"), BAD, "control-byte" },
	{ "escape in a value", GET("X: \x1b[1m\r\n"), BAD, "control-byte" },
	{ "DEL in a value", GET("X: \x7f\r\n"), BAD, "control-byte" },
	{ "DEL in the target", LINE("GET /\x7f HTTP/1.1"), BAD, "control-byte" },

	/* request line */
	{ "no version", LINE("GET /"), BAD, "target" },
	{ "no target", LINE("GET HTTP/1.1"), BAD, "target" },
	{ "empty target", LINE("GET  HTTP/1.1"), BAD, "target" },
	{ "only a method", LINE("GET"), BAD, "method" },
	{ "two spaces before the target", LINE("GET  / HTTP/1.1"), BAD, "target" },
	{ "two spaces behind the target", LINE("GET /  HTTP/1.1"), BAD, "version" },
	{ "space in the target", LINE("GET /a b HTTP/1.1"), BAD, "version" },
	{ "space before the method", LINE(" GET / HTTP/1.1"), BAD, "method" },
	{ "space behind the version", LINE("GET / HTTP/1.1 "), BAD, "control-byte" },
	{ "text behind the version", LINE("GET / HTTP/1.1x"), BAD, "control-byte" },
	{ "tab for the first space", LINE("GET\t/ HTTP/1.1"), BAD, "method" },
	{ "tab for the second space", LINE("GET /\tHTTP/1.1"), BAD, "target" },
	{ "colon in the method", LINE("GE:T / HTTP/1.1"), BAD, "method" },
	{ "high byte in the method", LINE("G\xc3T / HTTP/1.1"), BAD, "method" },
	{ "fragment", LINE("GET /a#b HTTP/1.1"), BAD, "target" },
	{ "raw UTF-8 in the target", LINE("GET /\xc3\xa4 HTTP/1.1"), BAD, "target" },
	{ "star for GET", LINE("GET * HTTP/1.1"), BAD, "target-form" },
	{ "star and more", LINE("OPTIONS *a HTTP/1.1"), BAD, "target-form" },
	{ "target without slash", LINE("GET a HTTP/1.1"), BAD, "target-form" },
	{ "query without slash", LINE("GET ?a HTTP/1.1"), BAD, "target-form" },
	{ "backslash first", LINE("GET \\a HTTP/1.1"), BAD, "target-form" },
	{ "authority form", LINE("GET a:80 HTTP/1.1"), BAD, "target-form" },
	{ "HTTP/2.0", LINE("GET / HTTP/2.0"), VERSION, "version" },
	{ "HTTP/1.2", LINE("GET / HTTP/1.2"), VERSION, "version" },
	{ "HTTP/0.9", LINE("GET / HTTP/0.9"), VERSION, "version" },
	{ "HTTP/9.1", LINE("GET / HTTP/9.1"), VERSION, "version" },
	{ "the preface of HTTP/2", W("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), VERSION, "version" },
	{ "HTTP/1", LINE("GET / HTTP/1"), BAD, "version" },
	{ "HTTP/1.", LINE("GET / HTTP/1."), BAD, "version" },
	{ "HTTP/1.10", LINE("GET / HTTP/1.10"), BAD, "control-byte" },
	{ "HTTP/01.1", LINE("GET / HTTP/01.1"), BAD, "version" },
	{ "HTTP/1,1", LINE("GET / HTTP/1,1"), BAD, "version" },
	{ "lower-case version", LINE("GET / http/1.1"), BAD, "version" },
	{ "other protocol", LINE("GET / ICY/1.1"), BAD, "version" },
	{ "TRACE", LINE("TRACE / HTTP/1.1"), METHOD, "method" },
	{ "trace", LINE("trace / HTTP/1.1"), METHOD, "method" },
	{ "TRACK", LINE("TRACK / HTTP/1.1"), METHOD, "method" },
	{ "CONNECT", LINE("CONNECT a:443 HTTP/1.1"), METHOD, "method" },
	{ "connect with a path", LINE("connect / HTTP/1.1"), METHOD, "method" },

	/* absolute form */
	{ "http", LINE("GET http://a/b?c HTTP/1.1"), NONE, "GET /b?c http=a host=a none ka" },
	{ "https with port", LINE("GET https://a:444/ HTTP/1.1"), NONE, "GET / https=a:444 host=a none ka" },
	{ "capitals", LINE("GET HTTP://A/ HTTP/1.1"), NONE, "GET / http=A host=a none ka" },
	{ "no path", LINE("GET http://a HTTP/1.1"), NONE, "GET / http=a host=a none ka" },
	{ "query without path", LINE("GET http://a?b HTTP/1.1"), NONE, "GET /?b http=a host=a none ka" },
	{ "OPTIONS without path", LINE("OPTIONS http://a HTTP/1.1"), NONE, "OPTIONS * http=a host=a none ka" },
	{ "OPTIONS with path", LINE("OPTIONS http://a/ HTTP/1.1"), NONE, "OPTIONS / http=a host=a none ka" },
	{ "IPv6", LINE("GET http://[::1]:8/ HTTP/1.1"), NONE, "GET / http=[::1]:8 host=a none ka" },
	{ "no authority", LINE("GET http:///a HTTP/1.1"), BAD, "target-form" },
	{ "one slash", LINE("GET http:/a HTTP/1.1"), BAD, "target-form" },
	{ "userinfo", LINE("GET http://u@a/ HTTP/1.1"), BAD, "target-form" },
	{ "backslash in the authority", LINE("GET http://a\\@b/ HTTP/1.1"), BAD, "target-form" },
	{ "other scheme", LINE("GET ftp://a/ HTTP/1.1"), BAD, "target-form" },
	{ "scheme of a socket", LINE("GET ws://a/ HTTP/1.1"), BAD, "target-form" },
	{ "absolute form, no Host", W("GET http://a/ HTTP/1.1\r\n\r\n"), BAD_HOST, "host-missing" },

	/* field lines */
	{ "space before the colon", GET("X : y\r\n"), BAD, "space-before-colon" },
	{ "tab before the colon", GET("X\t: y\r\n"), BAD, "space-before-colon" },
	{ "framing, space before the colon", POST("Transfer-Encoding : chunked\r\n"), BAD, "space-before-colon" },
	{ "empty name", GET(": y\r\n"), BAD, "empty-name" },
	{ "no colon", GET("X\r\n"), BAD, "no-colon" },
	{ "no colon but a blank", GET("X y\r\n"), BAD, "space-before-colon" },
	{ "folded", GET("X: y\r\n z\r\n"), BAD, "folded-line" },
	{ "folded with a tab", GET("X: y\r\n\tz\r\n"), BAD, "folded-line" },
	{ "folded framing", POST("Transfer-Encoding:\r\n chunked\r\n"), BAD, "transfer-encoding" },
	{ "blank before the first field", W("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), BAD, "folded-line" },
	{ "line of one blank", GET(" \r\n"), BAD, "folded-line" },
	{ "parenthesis in a name", GET("X(: y\r\n"), BAD, "field-name" },
	{ "slash in a name", GET("X/Y: y\r\n"), BAD, "field-name" },
	{ "bracket in a name", GET("[X]: y\r\n"), BAD, "field-name" },
	{ "high byte in a name", GET("X\xe9: y\r\n"), BAD, "field-name" },
	{ "quote in a name", GET("\"Host\": y\r\n"), BAD, "field-name" },
	{ "request line again", GET("GET / HTTP/1.1\r\n"), BAD, "space-before-colon" },

	/* Host */
	{ "no Host", W("GET / HTTP/1.1\r\n\r\n"), BAD_HOST, "host-missing" },
	{ "Host twice", GET("Host: b\r\n"), BAD_HOST, "host-twice" },
	{ "Host twice, the same", GET("hoST: a\r\n"), BAD_HOST, "host-twice" },
	{ "Host twice in HTTP/1.0", OLD("Host: a\r\n"), BAD_HOST, "host-twice" },
	{ "empty Host", W("GET / HTTP/1.1\r\nHost:\r\n\r\n"), BAD_HOST, "host-empty" },
	{ "blank Host", W("GET / HTTP/1.1\r\nHost: \t\r\n\r\n"), BAD_HOST, "host-empty" },
	{ "space in Host", W("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "userinfo in Host", W("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "path in Host", W("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "backslash in Host", W("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "URL in Host", W("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "query in Host", W("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "fragment in Host", W("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"), BAD_HOST, "host-byte" },
	{ "raw UTF-8 in Host", W("GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"), BAD_HOST, "host-byte" },

	/* Content-Length */
	{ "length", POST("Content-Length: 5\r\n"), NONE, "POST / host=a length=5 ka" },
	{ "length 0", POST("Content-Length: 0\r\n"), NONE, "POST / host=a length=0 ka" },
	{ "leading zeros", POST("Content-Length: 0005\r\n"), NONE, "POST / host=a length=5 ka" },
	{ "length of GET", GET("Content-Length: 5\r\n"), NONE, "GET / host=a length=5 ka" },
	{ "largest length", POST("Content-Length: 9223372036854775807\r\n"), NONE, "POST / host=a length=9223372036854775807 ka" },
	{ "one more", POST("Content-Length: 9223372036854775808\r\n"), BAD, "content-length-range" },
	{ "wraps 64 bits", POST("Content-Length: 18446744073709551621\r\n"), BAD, "content-length-range" },
	{ "thirty digits", POST("Content-Length: 100000000000000000000000000000\r\n"), BAD, "content-length-range" },
	{ "length twice", POST("Content-Length: 5\r\nContent-Length: 6\r\n"), BAD, "content-length-twice" },
	{ "length twice, the same", POST("Content-Length: 5\r\ncontent-length: 5\r\n"), BAD, "content-length-twice" },
	{ "list of lengths", POST("Content-Length: 5, 5\r\n"), BAD, "content-length" },
	{ "plus", POST("Content-Length: +5\r\n"), BAD, "content-length" },
	{ "minus", POST("Content-Length: -5\r\n"), BAD, "content-length" },
	{ "minus zero", POST("Content-Length: -0\r\n"), BAD, "content-length" },
	{ "hexadecimal", POST("Content-Length: 0x5\r\n"), BAD, "content-length" },
	{ "fraction", POST("Content-Length: 5.0\r\n"), BAD, "content-length" },
	{ "exponent", POST("Content-Length: 5e1\r\n"), BAD, "content-length" },
	{ "space inside", POST("Content-Length: 1 0\r\n"), BAD, "content-length" },
	{ "quoted length", POST("Content-Length: \"5\"\r\n"), BAD, "content-length" },
	{ "no length", POST("Content-Length:\r\n"), BAD, "content-length" },
	{ "words", POST("Content-Length: five\r\n"), BAD, "content-length" },
	{ "Arabic digits", POST("Content-Length: \xd9\xa5\r\n"), BAD, "content-length" },
	{ "disguised length", POST("Content_Length: 5\r\n"), BAD, "disguised-framing" },

	/* Transfer-Encoding */
	{ "chunked", POST("Transfer-Encoding: chunked\r\n"), NONE, "POST / host=a chunked ka" },
	{ "Chunked", POST("transfer-encoding:\tChunKed \r\n"), NONE, "POST / host=a chunked ka" },
	{ "with a length", POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), BAD, "te-and-cl" },
	{ "before a length", POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), BAD, "te-and-cl" },
	{ "with a length of 0", POST("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), BAD, "te-and-cl" },
	{ "in HTTP/1.0", OLD("Transfer-Encoding: chunked\r\n"), BAD, "te-in-1.0" },
	{ "twice", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), BAD, "transfer-encoding-twice" },
	{ "twice, the second odd", POST("Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n"), BAD, "transfer-encoding-twice" },
	{ "gzip", POST("Transfer-Encoding: gzip\r\n"), CODING, "transfer-coding" },
	{ "gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n"), CODING, "transfer-coding" },
	{ "identity", POST("Transfer-Encoding: identity\r\n"), CODING, "transfer-coding" },
	{ "chunked, gzip", POST("Transfer-Encoding: chunked, gzip\r\n"), BAD, "transfer-encoding" },
	{ "chunked, identity", POST("Transfer-Encoding: chunked, identity\r\n"), BAD, "transfer-encoding" },
	{ "chunked, chunked", POST("Transfer-Encoding: chunked, chunked\r\n"), BAD, "transfer-encoding" },
	{ "xchunked", POST("Transfer-Encoding: xchunked\r\n"), BAD, "transfer-encoding" },
	{ "chunkedx", POST("Transfer-Encoding: chunkedx\r\n"), BAD, "transfer-encoding" },
	{ "chunk", POST("Transfer-Encoding: chunk\r\n"), BAD, "transfer-encoding" },
	{ "comma behind", POST("Transfer-Encoding: chunked,\r\n"), BAD, "transfer-encoding" },
	{ "comma before", POST("Transfer-Encoding: ,chunked\r\n"), BAD, "transfer-encoding" },
	{ "parameter", POST("Transfer-Encoding: chunked;q=1\r\n"), BAD, "transfer-encoding" },
	{ "double quotes", POST("Transfer-Encoding: \"chunked\"\r\n"), BAD, "transfer-encoding" },
	{ "single quotes", POST("Transfer-Encoding: 'chunked'\r\n"), BAD, "transfer-encoding" },
	{ "two words", POST("Transfer-Encoding: identity chunked\r\n"), BAD, "transfer-encoding" },
	{ "no coding", POST("Transfer-Encoding:\r\n"), BAD, "transfer-encoding" },
	{ "vertical tab", POST("Transfer-Encoding: \vchunked\r\n"), BAD, "control-byte" },
	{ "form feed", POST("Transfer-Encoding: chunked\f\r\n"), BAD, "control-byte" },
	{ "NUL behind", POST("Transfer-Encoding: chunked\0\r\n"), BAD, "control-byte" },
	{ "no-break space", POST("Transfer-Encoding: \xa0" "chunked\r\n"), BAD, "transfer-encoding" },
	{ "disguised coding", POST("Transfer_Encoding: chunked\r\n"), BAD, "disguised-framing" },
	{ "a longer name is another field", POST("X-Transfer-Encoding: chunked\r\n"), NONE, "POST / host=a none ka" },

	/* Expect */
	{ "100-continue", POST("Expect: 100-Continue\r\nContent-Length: 5\r\n"), NONE, "POST / host=a length=5 ka expect" },
	{ "chunked body", POST("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"), NONE, "POST / host=a chunked ka expect" },
	{ "nothing to wait for", POST("Expect: 100-continue\r\nContent-Length: 0\r\n"), NONE, "POST / host=a length=0 ka" },
	{ "no body", GET("Expect: 100-continue\r\n"), NONE, "GET / host=a none ka" },
	{ "from HTTP/1.0", OLD("Expect: 100-continue\r\nContent-Length: 5\r\n"), NONE, "GET / host=a length=5" },
	{ "other expectation", POST("Expect: 200-ok\r\n"), EXPECT, "expect" },
	{ "no expectation", POST("Expect:\r\n"), EXPECT, "expect" },
	{ "with a parameter", POST("Expect: 100-continue;a=b\r\n"), EXPECT, "expect" },
	{ "list", POST("Expect: 100-continue, x\r\n"), EXPECT, "expect" },
	{ "twice", POST("Expect: 100-continue\r\nExpect: 100-continue\r\n"), EXPECT, "expect" },

	/* Connection and what belongs to the hop */
	{ "close", GET("Connection: close\r\n"), NONE, "GET / host=a none -Connection" },
	{ "close wins", GET("Connection: keep-alive, Close\r\n"), NONE, "GET / host=a none -Connection" },
	{ "close in a second field", GET("Connection: x\r\nConnection: close\r\n"), NONE, "GET / host=a none -Connection -Connection" },
	{ "HTTP/1.0, both", OLD("Connection: close, keep-alive\r\n"), NONE, "GET / host=a none -Connection" },
	{ "named before", GET("X-A: 1\r\nConnection: x-a\r\n"), NONE, "GET / host=a none ka -X-A -Connection" },
	{ "named behind, all of them", GET("Connection: , X-A ,,\r\nx-a: 1\r\nX-B: 2\r\nX-A: 3\r\n"), NONE, "GET / host=a none ka -Connection -x-a -X-A" },
	{ "named but absent", GET("Connection: foo, bar\r\n"), NONE, "GET / host=a none ka -Connection" },
	{ "empty Connection", GET("Connection:\r\n"), NONE, "GET / host=a none ka -Connection" },
	{ "names Host", GET("Connection: host\r\n"), BAD, "connection-names-field" },
	{ "names Content-Length", POST("Content-Length: 5\r\nConnection: Content-Length\r\n"), BAD, "connection-names-field" },
	{ "names Transfer-Encoding", GET("Connection: close, transfer-encoding\r\n"), BAD, "connection-names-field" },
	{ "names Authorization", GET("Connection: AUTHORIZATION\r\n"), BAD, "connection-names-field" },
	{ "names Cookie", GET("Connection: cookie\r\n"), BAD, "connection-names-field" },
	{ "names Expect", GET("Connection: expect\r\n"), BAD, "connection-names-field" },
	{ "names Content-Encoding", GET("Connection: content-encoding\r\n"), BAD, "connection-names-field" },
	{ "not a token", GET("Connection: a b\r\n"), BAD, "connection-token" },
	{ "quoted", GET("Connection: \"close\"\r\n"), BAD, "connection-token" },
	{ "Keep-Alive", GET("Keep-Alive: timeout=5\r\n"), NONE, "GET / host=a none ka -Keep-Alive" },
	{ "Proxy-*", GET("Proxy-Connection: close\r\nProxy-Authorization: x\r\nProxy-Foo: y\r\nPROXY-: z\r\n"), NONE, "GET / host=a none ka -Proxy-Connection -Proxy-Authorization -Proxy-Foo -PROXY-" },
	{ "Proxy is another field", GET("Proxy: x\r\nProxied: y\r\n"), NONE, "GET / host=a none ka" },
	{ "TE trailers", GET("TE: trailers\r\nConnection: TE\r\n"), NONE, "GET / host=a none ka te -Connection" },
	{ "TE of more", GET("te: deflate, Trailers\r\n"), NONE, "GET / host=a none ka te" },
	{ "TE of other codings", GET("TE: deflate;q=0.5\r\n"), NONE, "GET / host=a none ka -TE" },
	{ "empty TE (hex sends it)", GET("Connection: TE\r\nTE:\r\n"), NONE, "GET / host=a none ka -Connection -TE" },
	{ "TE twice", GET("TE: trailers\r\nTE: trailers\r\n"), NONE, "GET / host=a none ka te -TE" },

	/* Upgrade */
	{ "websocket", GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), NONE, "GET / host=a none ka up=websocket -Connection -Upgrade" },
	{ "not named in Connection", GET("Upgrade: websocket\r\n"), NONE, "GET / host=a none ka -Upgrade" },
	{ "only named", GET("Connection: upgrade\r\n"), NONE, "GET / host=a none ka -Connection" },
	{ "h2c goes on without", GET("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), NONE, "GET / host=a none ka -Connection -Upgrade -HTTP2-Settings" },
	{ "h2c and another", GET("Connection: upgrade\r\nUpgrade: H2C, foo/2\r\n"), NONE, "GET / host=a none ka up=foo/2 -Connection -Upgrade" },
	{ "from HTTP/1.0", OLD("Connection: upgrade\r\nUpgrade: websocket\r\n"), NONE, "GET / host=a none -Connection -Upgrade" },
	{ "malformed", GET("Connection: upgrade\r\nUpgrade: web socket\r\n"), BAD, "upgrade" },
	{ "Alt-Svc is no affair of a request", GET("Alt-Svc: h3\r\n"), NONE, "GET / host=a none ka" },
};
/* clang-format on */

static enum sp_rc rc_of(enum sp_reason reason)
{
	if (reason == NONE)
		return SP_OK;
	return reason == LARGE || reason == URI ? SP_E_LIMIT : SP_E_PROTO;
}

static void test_cases_at_every_split(void **state)
{
	(void)state;
	assert_true(SP_COUNT(cases) >= 150);
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		for (struct split s = { 0 }; split_plan(&s, cases[i].wire.n);) {
			struct outcome o = run_head(cases[i].wire, NULL, &s);

			if (strcmp(o.text, cases[i].want) != 0)
				print_error("%s, pieces of %zu, %zu\n",
				            cases[i].name, s.first, s.piece);
			assert_string_equal(o.text, cases[i].want);
			assert_int_equal(o.reason, cases[i].reason);
			assert_int_equal(o.rc, rc_of(cases[i].reason));
		}
	}
}

/* One byte on a connection is enough to know that it is not HTTP. */
static void test_errors_do_not_wait(void **state)
{
	struct wire w = W("GET /\0");

	(void)state;
	assert_string_equal(run_head_whole(w, NULL).text, "control-byte");
}

struct limit {
	const char *before, *after;
	size_t max; /* of what is between */
	enum sp_reason reason;
	const char *rule, *accepted;
};

/* Between before and after, n times the letter x. */
static struct outcome run_limit(const struct limit *l, size_t n)
{
	static char text[2 * SP_H1_HEAD_MAX];
	size_t at = strlen(l->before), k = strlen(l->after);

	memcpy(text, l->before, at);
	memset(text + at, 'x', n);
	memcpy(text + at + n, l->after, k);
	return run_head_whole((struct wire){ text, at + n + k }, NULL);
}

/* clang-format off */
static const struct limit limits[] = {
	{ "", " / HTTP/1.1\r\nHost: a\r\n\r\n", SP_H1_METHOD_MAX, BAD, "method-size", NULL },
	{ "GET /", " HTTP/1.1\r\nHost: a\r\n\r\n", SP_H1_TARGET_MAX - 1, URI, "target-size", NULL },
	/* with the longest method, the line is refused before it is parsed */
	{ "12345678901234567890123456789012 /", " HTTP/1.1\r\nHost: a\r\n\r\n", SP_H1_TARGET_MAX - 1, URI, "start-line", NULL },
	{ "GET /", "", SP_H1_TARGET_MAX + SP_H1_METHOD_MAX + 10 - 5, URI, "start-line", "more" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nX:", "\r\n\r\n", SP_H1_FIELD_MAX - 2, LARGE, "field-size", NULL },
	{ "GET / HTTP/1.1\r\nHost: a\r\n", ":\r\n\r\n", SP_H1_FIELD_MAX - 1, LARGE, "field-size", NULL },
};
/* clang-format on */

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(limits); i++) {
		const struct limit *l = &limits[i];

		for (size_t n = l->max - 1; n <= l->max + 1; n++) {
			struct outcome o = run_limit(l, n);
			bool ok = n <= l->max;

			assert_int_equal(o.reason, ok ? NONE : l->reason);
			if (!ok)
				assert_string_equal(o.text, l->rule);
			else if (l->accepted != NULL)
				assert_string_equal(o.text, l->accepted);
			else
				assert_int_equal(o.rc, SP_OK);
		}
	}
}

/* A head of exactly n bytes, filled up with two long fields, behind an empty
 * line that does not count. */
static struct outcome run_head_of(size_t n, bool with_end)
{
	static char line_and_head[2 + 2 * SP_H1_HEAD_MAX] = "\r\n";
	char *text = line_and_head + 2;
	static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX:";
	const size_t half = SP_H1_FIELD_MAX - 2;
	size_t at = strlen(start), end = with_end ? 4 : 0;

	memset(text, 'x', n);
	memcpy(text, start, at);
	memcpy(text + at + half, "\r\nY:", 4);
	if (with_end)
		memcpy(text + n - end, "\r\n\r\n", 4);
	return run_head_whole((struct wire){ line_and_head, n + 2 }, NULL);
}

static void test_size_of_a_head(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(run_head_of(SP_H1_HEAD_MAX - 1, true).rc, SP_OK);
	assert_int_equal(run_head_of(SP_H1_HEAD_MAX, true).rc, SP_OK);
	o = run_head_of(SP_H1_HEAD_MAX + 1, true);
	assert_int_equal(o.reason, LARGE);
	assert_string_equal(o.text, "head-size");

	/* and it is not waited for */
	assert_string_equal(run_head_of(SP_H1_HEAD_MAX - 1, false).text,
	                    "more");
	assert_string_equal(run_head_of(SP_H1_HEAD_MAX, false).text,
	                    "head-size");
}

static struct outcome run_many(const char *line, size_t n)
{
	static char text[SP_H1_HEAD_MAX];
	size_t at = 0, k = strlen(line);
	static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\n";

	memcpy(text, start, at = strlen(start));
	for (size_t i = 0; i < n; i++, at += k)
		memcpy(text + at, line, k);
	memcpy(text + at, "\r\n", 3);
	return run_head_whole((struct wire){ text, at + 2 }, NULL);
}

static void test_number_of_fields(void **state)
{
	struct outcome o;

	(void)state;
	/* Host is one of them */
	assert_int_equal(run_many("X: y\r\n", SP_H1_FIELDS_MAX - 2).rc, SP_OK);
	assert_int_equal(run_many("X: y\r\n", SP_H1_FIELDS_MAX - 1).rc, SP_OK);
	o = run_many("X: y\r\n", SP_H1_FIELDS_MAX);
	assert_int_equal(o.reason, LARGE);
	assert_string_equal(o.text, "field-count");
}

static void test_number_of_named_fields(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(run_many("Connection: x\r\n", SP_H1_NAMED_MAX - 1).rc,
	                 SP_OK);
	assert_int_equal(run_many("Connection: x\r\n", SP_H1_NAMED_MAX).rc,
	                 SP_OK);
	o = run_many("Connection: x\r\n", SP_H1_NAMED_MAX + 1);
	assert_int_equal(o.reason, LARGE);
	assert_string_equal(o.text, "connection-list");
}

/* Every byte, in every place whose rule is a class of characters. */
static void test_classes_byte_by_byte(void **state)
{
	static const char tchars[] =
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		char name[] = "GET / HTTP/1.1\r\nHost: a\r\nX?X: y\r\n\r\n";
		char value[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y?y\r\n\r\n";
		char target[] = "GET /?x HTTP/1.1\r\nHost: a\r\n\r\n";
		bool tchar = strchr(tchars, (int)c) != NULL;
		bool visible = c > 0x20 && c < 0x7f && c != '#';
		bool text = c == '\t' || (c >= 0x20 && c != 0x7f);

		*strrchr(name, '?') = (char)c;
		*strrchr(value, '?') = (char)c;
		*strrchr(target, '?') = (char)c;
		/* X:X is a name, too */
		assert_int_equal(run_head_whole((struct wire)W(name), NULL).rc,
		                 tchar || c == ':' ? SP_OK : SP_E_PROTO);
		assert_int_equal(run_head_whole((struct wire)W(value), NULL).rc,
		                 text ? SP_OK : SP_E_PROTO);
		assert_int_equal(
			run_head_whole((struct wire)W(target), NULL).rc,
			visible ? SP_OK : SP_E_PROTO);
	}
}

/* clang-format off */
static const struct {
	const char *wire;
	enum sp_reason reason;
	const char *want;
} connects[] = {
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", NONE, "a:443" },
	{ "CONNECT [::1]:22 HTTP/1.0\r\n\r\n", NONE, "[::1]:22" },
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n", NONE, "a:443" },
	{ "CONNECT a:443 HTTP/1.1\r\n\r\n", BAD_HOST, "host-missing" },
	{ "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT :443 HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT a:b HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT a:443/ HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT u@a:443 HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT http://a:443 HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", BAD, "target-form" },
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", METHOD, "method" },
	{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", BAD, "connect-with-body" },
	{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", BAD, "connect-with-body" },
	{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", BAD, "connect-with-body" },
};
/* clang-format on */

static void test_connect_to_a_proxy(void **state)
{
	static struct sp_h1_head h;
	struct sp_h1_error why;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(connects); i++) {
		enum sp_rc rc =
			sp_h1_parse_connect(sp_str(connects[i].wire), &h, &why);

		if (connects[i].reason == NONE) {
			assert_int_equal(rc, SP_OK);
			assert_true(sp_str_is(h.authority, connects[i].want));
			continue;
		}
		assert_int_equal(rc, SP_E_PROTO);
		assert_int_equal(why.reason, connects[i].reason);
		assert_string_equal(why.rule, connects[i].want);
	}
}

/* The parser has to stand on its own: nobody promises that find came first. */
static void test_heads_without_an_end(void **state)
{
	static const char *const texts[] = {
		"",
		"\r\n",
		"\r\n\r\n",
		"GET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nX: y\r\n\r\n",
	};
	static struct sp_h1_head h;
	struct sp_h1_error why;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(texts); i++) {
		assert_int_equal(
			sp_h1_parse_request(sp_str(texts[i]), &h, &why),
			SP_E_PROTO);
		assert_int_equal(sp_h1_parse_response(sp_str(texts[i]),
		                                      sp_str("GET"), &h, &why),
		                 SP_E_PROTO);
	}
}

static void test_errors_say_where(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n";
	static struct sp_h1_head h;
	struct sp_h1_error why;

	(void)state;
	assert_int_equal(sp_h1_parse_request(sp_str(text), &h, &why),
	                 SP_E_PROTO);
	assert_int_equal(why.offset, strstr(text, " :") - text);
	/* what was read so far is there for the record */
	assert_true(sp_str_is(h.method, "GET"));
	assert_true(sp_str_is(h.path, "/"));
}

static void test_get_finds_the_first_field(void **state)
{
	static struct sp_h1_head h;
	struct sp_h1_error why;

	(void)state;
	assert_int_equal(
		sp_h1_parse_request(sp_str("GET / HTTP/1.1\r\nHost: a\r\n"
	                                   "X-A: 1\r\nx-a: 2\r\nE:\r\n\r\n"),
	                            &h, &why),
		SP_OK);
	assert_true(sp_str_is(sp_h1_get(&h, "x-a"), "1"));
	assert_non_null(sp_h1_get(&h, "e").p);
	assert_int_equal(sp_h1_get(&h, "e").n, 0);
	assert_null(sp_h1_get(&h, "x-b").p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_errors_do_not_wait),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_size_of_a_head),
		cmocka_unit_test(test_number_of_fields),
		cmocka_unit_test(test_number_of_named_fields),
		cmocka_unit_test(test_classes_byte_by_byte),
		cmocka_unit_test(test_connect_to_a_proxy),
		cmocka_unit_test(test_heads_without_an_end),
		cmocka_unit_test(test_errors_say_where),
		cmocka_unit_test(test_get_finds_the_first_field),
	};

	return cmocka_run_group_tests_name("http/h1 requests", tests, NULL,
	                                   NULL);
}
