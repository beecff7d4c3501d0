// The person over a background, or alone: engines/kernels/lay.py.
//
// person: float4 (count) premultiplied RGBA 0..255; background, out: uchar4 (count) RGBA. A warp reads
// 512 and writes 128 bytes in a row.
static __device__ __forceinline__ u8 rounded(float value) { return (u8)(int)fminf(value + 0.5f, 255.0f); }

extern "C" __global__ void composite(
    int count, const float4* person, const uchar4* background, uchar4* out) {
    int n = thread_x();
    if (n >= count) return;
    float4 p = person[n];
    uchar4 b = background[n];
    float rest = 1.0f - p.w / 255.0f;
    out[n] = p.w == 0 ? b
                      : make_uchar4(
                            rounded(p.x + rest * b.x), rounded(p.y + rest * b.y),
                            rounded(p.z + rest * b.z), rounded(p.w + rest * b.w));
}

extern "C" __global__ void straighten(int count, const float4* person, uchar4* out) {
    int n = thread_x();
    if (n >= count) return;
    float4 p = person[n];
    float gain = 255.0f / p.w;
    out[n] = p.w < 0.5f ? make_uchar4(0, 0, 0, 0)
                        : make_uchar4(
                              rounded(p.x * gain), rounded(p.y * gain), rounded(p.z * gain),
                              rounded(p.w));
}
