// The person over a background, or alone: engines/kernels/lay.py.
//
// person, background, out: u32 (count), four bytes each: premultiplied RGBA, opaque RGBA, straight RGBA,
// beginning at 16 bytes. One thread makes four pixels: a warp reads and writes 512 bytes in a row.
extern "C" __global__ void composite(
    int count, const unsigned* person, const unsigned* background, unsigned* out) {
    int n = 4 * thread_x();
    if (n + 4 <= count) {
        uint4 p = *(const uint4*)(person + n), b = *(const uint4*)(background + n);
        *(uint4*)(out + n) = make_uint4(under(p.x, b.x), under(p.y, b.y), under(p.z, b.z), under(p.w, b.w));
    } else {
        for (; n < count; n++) out[n] = under(person[n], background[n]);
    }
}

static __device__ __forceinline__ unsigned straight(unsigned texel) {
    unsigned alpha = texel >> 24;
    if (alpha == 0 || alpha == 255) return texel;
    float gain = 255.0f / (float)alpha;
    unsigned out = alpha << 24;
#pragma unroll
    for (int k = 0; k < 3; k++)
        out |= (unsigned)((float)channel(texel, k) * gain + 0.5f) << 8 * k;
    return out;
}

extern "C" __global__ void straighten(int count, const unsigned* person, unsigned* out) {
    int n = 4 * thread_x();
    if (n + 4 <= count) {
        uint4 p = *(const uint4*)(person + n);
        *(uint4*)(out + n) = make_uint4(straight(p.x), straight(p.y), straight(p.z), straight(p.w));
    } else {
        for (; n < count; n++) out[n] = straight(person[n]);
    }
}
