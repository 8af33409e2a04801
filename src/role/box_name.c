/* SPDX-License-Identifier: Apache-2.0 */
#include "role/box_name.h"

/* clang-format off */
static const char *const moods[] = {
	"able", "amber", "brave", "brisk", "calm", "civil", "clear", "cool",
	"crisp", "deft", "eager", "even", "fair", "fleet", "fond", "frank",
	"fresh", "gentle", "glad", "grand", "green", "hale", "handy", "happy",
	"keen", "kind", "light", "lively", "loyal", "lucid", "lucky", "mellow",
	"merry", "mild", "neat", "nimble", "noble", "patient", "plain", "proud",
	"prime", "quick", "quiet", "rapid", "ready", "rosy", "rural", "sage",
	"sharp", "silent", "smart", "snug", "sober", "solid", "spry", "steady",
	"still", "stout", "sunny", "swift", "tidy", "trim", "vivid", "warm",
};

static const char *const animals[] = {
	"adder", "badger", "bear", "beaver", "bison", "bream", "carp", "crane",
	"crow", "deer", "dove", "eagle", "egret", "elk", "falcon", "ferret",
	"finch", "fox", "gecko", "goose", "grouse", "gull", "hare", "hawk",
	"hen", "heron", "horse", "ibex", "ibis", "jay", "kite", "lark",
	"linnet", "lion", "lynx", "magpie", "marten", "mole", "moth", "newt",
	"otter", "owl", "perch", "pike", "plover", "pony", "quail", "rabbit",
	"raven", "robin", "rook", "salmon", "seal", "shrew", "snipe", "stag",
	"stork", "swan", "tern", "thrush", "trout", "vole", "weasel", "wren",
};
/* clang-format on */

void sp_box_id(const uint8_t rnd[8], char ret[SP_BOX_ID_LEN + 1])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t v;

	memcpy(&v, rnd, sizeof(v));
	for (unsigned i = 0; i < SP_BOX_ID_LEN; i++, v >>= 5)
		ret[i] = digits[v & 31u];
	ret[SP_BOX_ID_LEN] = '\0';
}

void sp_box_name(const uint8_t rnd[4], char ret[SP_BOX_NAME_MAX + 1])
{
	snprintf(ret, SP_BOX_NAME_MAX + 1, "%s-%s-%u",
	         moods[rnd[0] % SP_COUNT(moods)],
	         animals[rnd[1] % SP_COUNT(animals)],
	         ((unsigned)rnd[2] | (unsigned)rnd[3] << 8) % 100u);
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

bool sp_box_name_ok(struct sp_str name)
{
	if (name.n == 0 || name.n > SP_BOX_NAME_MAX || !is_alnum(name.p[0]))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (!is_alnum(c) && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}
