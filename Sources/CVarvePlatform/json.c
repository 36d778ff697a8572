#include "CVarvePlatform.h"

#include <string.h>

// What may follow a backslash, but for the u (RFC 8259 section 7).
static int is_simple(uint8_t letter) {
    switch (letter) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return 1;
    default: return 0;
    }
}

// How many of eight bytes, from the first on, are ASCII that stands for itself in a string.
//
// Each byte that is not gets its top bit set: one that has it, one below a space (the subtraction
// borrows), a quote and a backslash (which the exclusive or makes zero). A borrow reaches only
// bytes behind such a one, so the first is right.
static size_t plain_of_eight(const uint8_t *text) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word;
    memcpy(&word, text, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint64_t controls = word - ones * 0x20, quotes = (word ^ ones * 0x22) - ones,
             backslashes = (word ^ ones * 0x5C) - ones;
    uint64_t found = (controls | quotes | backslashes | word) & tops;
    return found ? (size_t)__builtin_ctzll(found) / 8 : 8;
}

size_t varve_json_plain_portable(const void *bytes, size_t count, int *escaped) {
    const uint8_t *text = bytes;
    size_t at = 0;
    while (at < count) {
        if (at + 8 <= count) {
            size_t plain = plain_of_eight(text + at);
            at += plain;
            if (plain == 8) continue;
        }
        uint8_t byte = text[at];
        if (byte == '\\') {
            if (at + 1 >= count || !is_simple(text[at + 1])) return at;
            *escaped = 1;
            at += 2;
        } else if (byte == '"' || byte < 0x20 || byte >= 0x80) {
            return at;
        } else {
            at++;
        }
    }
    return at;
}

#if defined(__SSE2__)
#include <emmintrin.h>

struct block {
    uint64_t stops, quotes, backslashes;
};

// A bit for each of 64 bytes. As signed numbers the bytes of other alphabets are below a space too.
static struct block look(const uint8_t *text) {
    const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'),
                  backslash = _mm_set1_epi8('\\');
    struct block found = {0, 0, 0};
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * i));
        found.stops |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(bytes, space))
            << 16 * i;
        found.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote))
            << 16 * i;
        found.backslashes |=
            (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash)) << 16 * i;
    }
    return found;
}

// The bytes that a backslash stands before, where two of them are one that stands for itself.
// `carry` is 1 when the block's first byte is such a one, and is left so for the next block.
// Source: Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019), section 3.1.1, in
// the form with one subtraction: adding to a run's odd bits carries to the bit behind the run.
static uint64_t escaped_bytes(uint64_t backslashes, uint64_t *carry) {
    const uint64_t odd = 0xAAAAAAAAAAAAAAAAu;
    uint64_t first = *carry, starts = backslashes & ~first;
    uint64_t codes = (((starts << 1) | odd) - starts) ^ odd;
    *carry = (codes & backslashes) >> 63;
    return codes ^ (backslashes | first);
}

size_t varve_json_plain(const void *start, size_t count, int *escaped) {
    const uint8_t *text = start;
    size_t at = 0;
    uint64_t carry = 0;
    if (count >= 16) {
        // Most strings are names and words: they end within the first bytes.
        const __m128i bytes = _mm_loadu_si128((const __m128i *)text);
        unsigned ends = (unsigned)_mm_movemask_epi8(_mm_or_si128(
            _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'))));
        unsigned backslashes = (unsigned)_mm_movemask_epi8(
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        if (ends && !(backslashes & (ends ^ (ends - 1)))) return (size_t)__builtin_ctz(ends);
        if (!ends && !backslashes) at = 16;
    }
    for (; count - at >= 64; at += 64) {
        struct block block = look(text + at);
        uint64_t after = escaped_bytes(block.backslashes, &carry);
        uint64_t ends = block.stops | (block.quotes & ~after);
        // The lowest end and all bits below it, or all.
        uint64_t inside = ends ^ (ends - 1);
        if (!ends) inside = ~(uint64_t)0;
        uint64_t letters = after & ~(block.backslashes | block.quotes) & inside;
        for (; letters; letters &= letters - 1) {
            size_t letter = at + (size_t)__builtin_ctzll(letters);
            if (is_simple(text[letter])) continue;
            if (after & inside & ((letters & -letters) - 1)) *escaped = 1;
            return letter - 1;
        }
        if (after & inside & ~(ends & -ends)) *escaped = 1;
        if (ends) return at + (size_t)__builtin_ctzll(ends);
    }
    if (carry) {
        if (at >= count || !is_simple(text[at])) return at - 1;
        *escaped = 1;
        at++;
    }
    return at + varve_json_plain_portable(text + at, count - at, escaped);
}
#else
size_t varve_json_plain(const void *text, size_t count, int *escaped) {
    return varve_json_plain_portable(text, count, escaped);
}
#endif
