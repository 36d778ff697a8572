#include "CVarvePlatform.h"

#include <string.h>

// CRC-32C, reflected polynomial 0x82F63B78 (RFC 3720 appendix B.4; Intel SDM, CRC32 instruction).

static uint32_t table[8][256];

static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1)));
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFF];
}

// Slicing by eight (Kounavis and Berry, 2005).
uint32_t varve_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    crc = ~crc;
    while (count >= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                              (uint32_t)p[3] << 24);
        crc = table[7][low & 0xFF] ^ table[6][(low >> 8) & 0xFF] ^ table[5][(low >> 16) & 0xFF] ^
              table[4][low >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
        p += 8;
        count -= 8;
    }
    while (count--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__) || (defined(__aarch64__) && defined(__ARM_FEATURE_CRC32))
#if defined(__x86_64__)
#include <nmmintrin.h>
#define WITH_CRC __attribute__((target("sse4.2")))
#define STEP_8(crc, word) ((uint32_t)_mm_crc32_u64(crc, word))
#define STEP_1(crc, byte) _mm_crc32_u8(crc, byte)
#else
#include <arm_acle.h>
#define WITH_CRC
#define STEP_8(crc, word) __crc32cd(crc, word)
#define STEP_1(crc, byte) __crc32cb(crc, byte)
#endif

// The instruction takes three cycles and one can begin in each, so three lanes of the input are
// computed side by side and put together: the CRC's state behind A and B is that behind A, led on
// over as many zeros as B has bytes, plus that of B alone (it is linear over GF(2)).
enum { LONG_LANE = 4096, SHORT_LANE = 256 };
static uint32_t over_long[4][256], over_short[4][256];

static void make_zeros(uint32_t over[4][256], int zeros) {
    for (int byte = 0; byte < 4; byte++) {
        for (int bit = 0; bit < 8; bit++) {
            uint32_t crc = 1u << (8 * byte + bit);
            for (int i = 0; i < zeros; i++) crc = (crc >> 8) ^ table[0][crc & 0xFF];
            for (int i = 0; i < 1 << bit; i++) over[byte][1 << bit | i] = over[byte][i] ^ crc;
        }
    }
}

static inline uint32_t led_on(uint32_t over[4][256], uint32_t crc) {
    return over[0][crc & 0xFF] ^ over[1][(crc >> 8) & 0xFF] ^ over[2][(crc >> 16) & 0xFF] ^
           over[3][crc >> 24];
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

// Takes as many rounds of three lanes as there are.
WITH_CRC static inline uint32_t lanes(
    uint32_t crc, const uint8_t **start, size_t *count, size_t lane, uint32_t over[4][256]) {
    const uint8_t *p = *start;
    for (; *count >= 3 * lane; *count -= 3 * lane, p += 2 * lane) {
        uint32_t second = 0, third = 0;
        for (const uint8_t *end = p + lane; p < end; p += 8) {
            crc = STEP_8(crc, word_at(p));
            second = STEP_8(second, word_at(p + lane));
            third = STEP_8(third, word_at(p + 2 * lane));
        }
        crc = led_on(over, led_on(over, crc) ^ second) ^ third;
    }
    *start = p;
    return crc;
}

WITH_CRC static uint32_t hardware(uint32_t crc, const uint8_t *p, size_t count) {
    crc = lanes(~crc, &p, &count, LONG_LANE, over_long);
    crc = lanes(crc, &p, &count, SHORT_LANE, over_short);
    for (; count >= 8; p += 8, count -= 8) crc = STEP_8(crc, word_at(p));
    while (count--) crc = STEP_1(crc, *p++);
    return ~crc;
}
#endif

__attribute__((constructor)) static void make_tables(void) {
    make_table();
#if defined(WITH_CRC)
    make_zeros(over_long, LONG_LANE);
    make_zeros(over_short, SHORT_LANE);
#endif
}

uint32_t varve_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return hardware(crc, bytes, count);
#elif defined(WITH_CRC)
    return hardware(crc, bytes, count);
#endif
    return varve_crc32c_portable(crc, bytes, count);
}
