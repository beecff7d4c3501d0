// The finished picture as video frames, plain or with packed alpha: engines/packed.py,
// realtime/picture.py.
//
// rgba: uchar4 (height, stride), straight alpha. BT.601 video range in OpenCV's fixed point.
static __device__ __forceinline__ uchar4 premultiplied(uchar4 c) {
    return make_uchar4(
        (u8)((c.x * c.w + 127) / 255), (u8)((c.y * c.w + 127) / 255), (u8)((c.z * c.w + 127) / 255), c.w);
}

// The mean of each cell, premultiplied: cells: float4 (rows, columns), written.
extern "C" __global__ void cells(
    int width, int height, int stride, const uchar4* rgba, int columns, int rows, float4* cells) {
    int column = thread_x(), row = thread_y();
    if (column >= columns || row >= rows) return;
    float wide = (float)width / columns, high = (float)height / rows;
    float left = column * wide, right = left + wide, top = row * high, bottom = top + high;
    float4 sum = make_float4(0, 0, 0, 0);
    for (int y = (int)top; y < min((int)ceilf(bottom), height); y++) {
        float tall = fminf(bottom, y + 1) - fmaxf(top, y);
        for (int x = (int)left; x < min((int)ceilf(right), width); x++) {
            float share = tall * (fminf(right, x + 1) - fmaxf(left, x));
            uchar4 c = premultiplied(rgba[y * stride + x]);
            sum = sum + share * make_float4(c.x, c.y, c.z, c.w);
        }
    }
    sum = 1.0f / (wide * high) * sum;
    cells[row * columns + column] = make_float4(rintf(sum.x), rintf(sum.y), rintf(sum.z), rintf(sum.w));
}

static __device__ __forceinline__ int mirrored(int i, int count) {
    if (count == 1) return 0;
    i = abs(i) % (2 * count - 2);
    return min(i, 2 * count - 2 - i);
}

// Colours continued over cells that have none. weights: f32 (2 reach + 1), Gaussian; spread: uchar4
// (rows, columns), written.
extern "C" __global__ void bleed(
    int columns, int rows, const float4* cells, int reach, const float* weights, float faint,
    uchar4* spread) {
    int column = thread_x(), row = thread_y();
    if (column >= columns || row >= rows) return;
    float4 mean = make_float4(0, 0, 0, 0);
    for (int j = -reach; j <= reach; j++) {
        const float4* line = cells + mirrored(row + j, rows) * columns;
        float4 across = make_float4(0, 0, 0, 0);
        for (int i = -reach; i <= reach; i++)
            across = across + weights[reach + i] * line[mirrored(column + i, columns)];
        mean = mean + weights[reach + j] * across;
    }
    float near = clamped(mean.w / faint - 1.0f, 0, 1);
    float gain = 255.0f / fmaxf(mean.w, faint) * near, grey = 128.0f * (1.0f - near);
    spread[row * columns + column] = make_uchar4(
        (u8)clamped(mean.x * gain + grey, 0, 255), (u8)clamped(mean.y * gain + grey, 0, 255),
        (u8)clamped(mean.z * gain + grey, 0, 255), 0);
}

static __device__ __forceinline__ float4 level(uchar4 c) { return make_float4(c.x, c.y, c.z, 0); }

// The spread colours between the middles of their cells.
static __device__ uchar4 beyond(
    const uchar4* spread, int columns, int rows, int width, int height, int x, int y) {
    float u = clamped((x + 0.5f) * columns / width - 0.5f, 0, (float)(columns - 1));
    float v = clamped((y + 0.5f) * rows / height - 0.5f, 0, (float)(rows - 1));
    int i = (int)u, j = (int)v, i1 = min(i + 1, columns - 1), j1 = min(j + 1, rows - 1);
    float p = u - (float)i, q = v - (float)j;
    float4 above = (1.0f - p) * level(spread[j * columns + i]) + p * level(spread[j * columns + i1]);
    float4 below = (1.0f - p) * level(spread[j1 * columns + i]) + p * level(spread[j1 * columns + i1]);
    float4 c = (1.0f - q) * above + q * below;
    return make_uchar4((u8)(int)(c.x + 0.5f), (u8)(int)(c.y + 0.5f), (u8)(int)(c.z + 0.5f), 0);
}

static __device__ __forceinline__ u8 luma_of(uchar4 c) {
    return (u8)((269484 * c.x + 528482 * c.y + 102760 * c.z + (16 << 20) + (1 << 19)) >> 20);
}

static __device__ __forceinline__ u8 blue_of(uchar4 c) {
    return (u8)((-155188 * c.x - 305135 * c.y + 460324 * c.z + (128 << 20) + (1 << 19)) >> 20);
}
static __device__ __forceinline__ u8 red_of(uchar4 c) {
    return (u8)((460324 * c.x - 385875 * c.y - 74448 * c.z + (128 << 20) + (1 << 19)) >> 20);
}

static __device__ __forceinline__ uchar4 texel(unsigned word) {
    return make_uchar4((u8)word, (u8)(word >> 8), (u8)(word >> 16), (u8)(word >> 24));
}

// Four bytes, or the first two of them, in pieces that may stand there.
static __device__ __forceinline__ void put(u8* at, unsigned bytes, int count, bool aligned) {
    if (aligned) {
        *(unsigned*)at = bytes;
        return;
    }
    *(u16*)at = (u16)bytes;
    if (count == 4) *(u16*)(at + 2) = (u16)(bytes >> 16);
}

// One thread makes 4x2 pixels, the last of a row 2x2 where the width asks for it; where rows begin at 16
// bytes it reads so many at a time. width, height: even. luma: u8 (height or, packed, 2 height, width);
// blue, red: u8 rows of width / 2 pixels, ``step`` bytes apart (1 YUV420, 2 NV12). What packed alpha
// has as chroma below is 128 and not written. spread: see bleed, used where alpha is 0.
extern "C" __global__ void video(
    int width, int height, int stride, const unsigned* rgba, int packed, const uchar4* spread,
    int columns, int rows, int step, u8* luma, u8* blue, u8* red) {
    int x = 4 * thread_x(), y = 2 * thread_y();
    if (x >= width || y >= height) return;
    bool aligned = ((width | stride) & 3) == 0;
    int count = min(4, width - x);
    uchar4 first = make_uchar4(0, 0, 0, 0), second = first; // of the upper line, for the chroma
#pragma unroll 1 // half the code to fetch
    for (int j = 0; j < 2; j++) {
        const unsigned* row = rgba + (y + j) * stride + x;
        uint4 words;
        if (aligned) {
            words = *(const uint4*)row;
        } else {
            words = make_uint4(row[0], row[1], 0, 0);
            if (count == 4) words.z = row[2], words.w = row[3];
        }
        unsigned colours = 0, alphas = 0;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (i >= count) break;
            uchar4 c = texel(i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w);
            alphas |= (unsigned)rintf(16.0f + c.w * (219.0f / 255.0f)) << 8 * i;
            if (!packed)
                c = premultiplied(c);
            else if (c.w == 0)
                c = beyond(spread, columns, rows, width, height, x + i, y + j);
            if (j == 0 && i == 0) first = c;
            if (j == 0 && i == 2) second = c;
            colours |= (unsigned)luma_of(c) << 8 * i;
        }
        put(luma + (y + j) * width + x, colours, count, aligned);
        if (packed) put(luma + (height + y + j) * width + x, alphas, count, aligned);
    }
    int chroma = (y / 2 * (width / 2) + x / 2) * step;
    blue[chroma] = blue_of(first);
    red[chroma] = red_of(first);
    if (count < 4) return;
    blue[chroma + step] = blue_of(second);
    red[chroma + step] = red_of(second);
}
