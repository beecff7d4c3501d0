// Images or feature maps drawn along their flows and added up: engines/kernels/warp.py.
//
// One thread per pixel and 16 bytes of its channels: neighbours read and write side by side, and the
// four texels of a sample are under way together. source: (L, h, w, words); flow: float2 (L, H, W) px;
// visible: f32 (L, H, W); out: (H, W, words), written; words: of 16 bytes, 4 floats or 8 halves.
struct Floats {
    typedef float4 Word;
    float sum[4] = {0, 0, 0, 0};
    __device__ void add(float w, float4 word) {
        sum[0] += w * word.x;
        sum[1] += w * word.y;
        sum[2] += w * word.z;
        sum[3] += w * word.w;
    }
    __device__ float4 word() const { return make_float4(sum[0], sum[1], sum[2], sum[3]); }
};

struct Halves {
    typedef uint4 Word;
    float sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    __device__ void two(int k, float w, unsigned pair) {
        sum[k] += w * from_half((u16)pair);
        sum[k + 1] += w * from_half((u16)(pair >> 16));
    }
    __device__ void add(float w, uint4 word) {
        two(0, w, word.x);
        two(2, w, word.y);
        two(4, w, word.z);
        two(6, w, word.w);
    }
    __device__ unsigned pair(int k) const {
        return to_half(sum[k]) | (unsigned)to_half(sum[k + 1]) << 16;
    }
    __device__ uint4 word() const { return make_uint4(pair(0), pair(2), pair(4), pair(6)); }
};

template <class Sum>
static __device__ __forceinline__ void warped(
    int layers, int count, int words, int width, int height, const typename Sum::Word* source,
    const float2* flow, const float* visible, typename Sum::Word* out) {
    int n = thread_x();
    if (n >= count * words) return;
    int pixel = n / words, word = n % words;
    Sum sum;
    for (int l = 0; l < layers; l++) {
        float weight = visible[(u64)l * count + pixel];
        if (weight == 0) continue;
        float2 at = flow[(u64)l * count + pixel];
        float x = clamped(at.x - 0.5f, 0, (float)(width - 1)), y = clamped(at.y - 0.5f, 0, (float)(height - 1));
        int i = min((int)x, width - 2), j = min((int)y, height - 2);
        float p = x - (float)i, q = y - (float)j;
        const typename Sum::Word* texel = source + (((u64)l * height + j) * width + i) * words + word;
        u64 below = (u64)width * words;
        typename Sum::Word t00 = texel[0], t01 = texel[words];
        typename Sum::Word t10 = texel[below], t11 = texel[below + words];
        float w11 = p * q, w01 = p - w11, w10 = q - w11, w00 = 1.0f - p - w10;
        sum.add(weight * w00, t00);
        sum.add(weight * w01, t01);
        sum.add(weight * w10, t10);
        sum.add(weight * w11, t11);
    }
    out[n] = sum.word();
}

extern "C" __global__ void warp_float(
    int layers, int count, int words, int width, int height, const float4* source,
    const float2* flow, const float* visible, float4* out) {
    warped<Floats>(layers, count, words, width, height, source, flow, visible, out);
}

extern "C" __global__ void warp_half(
    int layers, int count, int words, int width, int height, const uint4* source,
    const float2* flow, const float* visible, uint4* out) {
    warped<Halves>(layers, count, words, width, height, source, flow, visible, out);
}
