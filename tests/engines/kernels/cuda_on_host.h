// CUDA C++ as plain C++: what the kernels use of it, and a launch that runs its threads one by one.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline

using std::max;
using std::min;

struct dim3 { unsigned x, y, z; };
static dim3 blockIdx, blockDim, threadIdx;

#define VECTOR2(T, N) struct alignas(2 * sizeof(T)) N { T x, y; }; \
    static inline N make_##N(T x, T y) { return {x, y}; }
#define VECTOR4(T, N) struct alignas(4 * sizeof(T)) N { T x, y, z, w; }; \
    static inline N make_##N(T x, T y, T z, T w) { return {x, y, z, w}; }
VECTOR2(unsigned char, uchar2)
VECTOR4(unsigned char, uchar4)
VECTOR2(float, float2)
VECTOR4(float, float4)
VECTOR4(int, int4)
VECTOR4(unsigned, uint4)
VECTOR2(unsigned long long, ulonglong2)
struct int3 { int x, y, z; };
struct float3 { float x, y, z; };
static inline int3 make_int3(int x, int y, int z) { return {x, y, z}; }
static inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }

template <class T> static void atomicMin(T* at, T value) { *at = min(*at, value); }
template <class T> static void atomicMax(T* at, T value) { *at = max(*at, value); }

static float __fmul_rn(float a, float b) {
    volatile float product = a * b; // never part of a fused operation
    return product;
}

static int __double2int_rn(double value) { // as far as an int goes
    return (int)std::min(std::max(std::nearbyint(value), -2147483648.0), 2147483647.0);
}

static unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}
static float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

// IEEE 754 half precision, rounded to the nearest, ties to even.
static float from_half(unsigned short bits) {
    unsigned sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
    if (rest >= 0x7c00u) return __uint_as_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    float value = std::ldexp((float)((rest & 0x3ffu) | (rest >> 10 ? 0x400u : 0)),
                             (int)std::max(rest >> 10, 1u) - 25);
    return sign ? -value : value;
}
static unsigned short to_half(float value) {
    unsigned sign = __float_as_uint(value) >> 16 & 0x8000u;
    float size = std::fabs(value);
    if (std::isnan(size)) return (unsigned short)(sign | 0x7e00u);
    if (size >= 65520.0f) return (unsigned short)(sign | 0x7c00u);
    int exponent = size < 6.103515625e-05f ? -14 : std::ilogb(size);
    unsigned steps = (unsigned)std::nearbyint(std::ldexp(size, 10 - exponent)); // may carry: right so
    return (unsigned short)(sign | (exponent + 14 << 10) + steps);
}

template <class... A, size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}

template <class... A>
static void launch(void (*kernel)(A...), const unsigned* grid, const unsigned* block, void** arguments) {
    blockDim = {block[0], block[1], 1};
    for (blockIdx.y = 0; blockIdx.y < grid[1]; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid[0]; blockIdx.x++)
            for (threadIdx.y = 0; threadIdx.y < block[1]; threadIdx.y++)
                for (threadIdx.x = 0; threadIdx.x < block[0]; threadIdx.x++)
                    call(kernel, arguments, std::index_sequence_for<A...>());
}

#define LAUNCHER(kernel) extern "C" void launch_##kernel( \
    const unsigned* grid, const unsigned* block, void** arguments) { launch(kernel, grid, block, arguments); }
