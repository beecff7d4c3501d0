// What every kernel shares. Plain CUDA C++ without any header, so that NVRTC needs nothing beside it.
//
// The numba function of the same name in this folder defines each kernel: what its arrays mean, px
// and metres stand there. Arrays that travel in 16-byte words are padded to four (float4, int4).
// No kernel uses shared memory or waits for another thread.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned long long u64;

#define EMPTY 0xffffffffffffffffull // no triangle: farther than any

static __device__ __forceinline__ int thread_x() { return blockIdx.x * blockDim.x + threadIdx.x; }
static __device__ __forceinline__ int thread_y() { return blockIdx.y * blockDim.y + threadIdx.y; }

static __device__ __forceinline__ float clamped(float value, float low, float high) {
    return fminf(fmaxf(value, low), high);
}
static __device__ __forceinline__ float4 operator*(float w, float4 v) {
    return make_float4(w * v.x, w * v.y, w * v.z, w * v.w);
}
static __device__ __forceinline__ float4 operator+(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

static __device__ __forceinline__ unsigned channel(unsigned texel, int k) { return texel >> 8 * k & 255u; }

// Premultiplied RGBA, four bytes in one word, over what lies below (Porter and Duff): ``under`` of
// engines/kernels/lay.py, to the last bit.
static __device__ __forceinline__ unsigned under(unsigned above, unsigned below) {
    unsigned rest = 255u - (above >> 24), pairs = 0x00ff00ffu;
    unsigned even = (below & pairs) * rest + 0x00800080u;
    unsigned odd = (below >> 8 & pairs) * rest + 0x00800080u;
    even += even >> 8 & pairs; // (n + n / 256) / 256 of n + 128 is n / 255, rounded
    odd += odd >> 8 & pairs;
    return above + ((even >> 8 & pairs) | (odd & ~pairs));
}

// Two triangles compare as their depths do, of equals the first is less.
static __device__ __forceinline__ u64 key_of(float z, int face) {
    unsigned bits = __float_as_uint(z + 0.0f); // -0 becomes 0
    bits ^= bits & 0x80000000u ? 0xffffffffu : 0x80000000u;
    return (u64)bits << 32 | (unsigned)face;
}

// Half precision by its bits, without cuda_fp16.h.
#ifdef __CUDACC__
static __device__ __forceinline__ float from_half(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}
static __device__ __forceinline__ u16 to_half(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#endif
