// Lays every rasterised mesh beneath what is drawn already, front to back: engines/kernels/lay.py.
//
// One thread per pixel goes through all sheets, so the picture is written once, and leaves the
// rasters EMPTY for the next frame. order: i32 (sheets), back to front; texels: u32, all textures,
// premultiplied RGBA; flow: float4 (F, 2) and shade: float4 (F, 4), see planes.cu; person: u32 (H, W)
// premultiplied RGBA, written.
static __device__ __forceinline__ unsigned mixed(
    unsigned a, unsigned b, unsigned c, unsigned d, float wa, float wb, float wc, float wd) {
    unsigned out = 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        float sum = 0.5f;
        sum += wa * (float)channel(a, k);
        sum += wb * (float)channel(b, k);
        sum += wc * (float)channel(c, k);
        sum += wd * (float)channel(d, k);
        out |= (unsigned)sum << 8 * k;
    }
    return out;
}

static __device__ unsigned sample(const Sheet& sheet, const unsigned* texels, const float4* flow, int x, int y) {
    float4 p = flow[0], q = flow[1];
    float dx = (float)x + 0.5f - p.x, dy = (float)y + 0.5f - p.y;
    float u = p.z + p.w * dx + q.x * dy - 0.5f, v = q.y + q.z * dx + q.w * dy - 0.5f;
    u = clamped(u, 0, (float)sheet.width - 1.001f);
    v = clamped(v, 0, (float)sheet.height - 1.001f);
    int i = (int)u, j = (int)v;
    float r = u - (float)i, s = v - (float)j;
    const unsigned* texel = texels + sheet.texture + j * sheet.width + i;
    float w11 = r * s, w01 = r - w11, w10 = s - w11, w00 = fmaxf(1.0f - r - w10, 0);
    return mixed(texel[0], texel[1], texel[sheet.width], texel[sheet.width + 1], w00, w01, w10, w11);
}

static __device__ float4 shaded(const float4* shade, int x, int y) {
    float4 p = shade[0], q = shade[1], r = shade[2], s = shade[3];
    float dx = (float)x + 0.5f - p.x, dy = (float)y + 0.5f - p.y;
    return make_float4(
        clamped(p.z + p.w * dx + q.x * dy, 0, 255), clamped(q.y + q.z * dx + q.w * dy, 0, 255),
        clamped(r.x + r.y * dx + r.z * dy, 0, 255), clamped(r.w + s.x * dx + s.y * dy, 0, 255));
}

static __device__ __forceinline__ unsigned whole(float value, float alpha) {
    return (unsigned)(fminf(value, alpha) + 0.5f);
}

extern "C" __global__ void paint(
    int width, int height, int count, const int* order, const Sheet* sheets, const int4* box,
    u64* nearest, const unsigned* texels, const float4* flow, const float4* shade, unsigned* person) {
    int x = thread_x(), y = thread_y();
    if (x >= width || y >= height) return;
    unsigned pixel = 0;
    for (int k = count - 1; k >= 0; k--) {
        Sheet sheet = sheets[order[k]];
        int4 limit = box[order[k]];
        int fine = sheet.fine;
        if (fine * x + fine <= limit.x || fine * x >= limit.z) continue;
        if (fine * y + fine <= limit.y || fine * y >= limit.w) continue;
        bool hidden = pixel >> 24 == 255; // what lies behind is only emptied
        u64* raster = nearest + sheet.canvas;
        if (fine == 1) {
            u64 key = raster[(u64)y * width + x];
            if (key == EMPTY) continue;
            raster[(u64)y * width + x] = EMPTY;
            if (hidden) continue;
            const float4* plane = flow + 2 * ((int)(unsigned)key - sheet.first);
            pixel = under(pixel, sample(sheet, texels, plane, x, y));
            continue;
        }
        float4 sum = make_float4(0, 0, 0, 0);
        for (int yy = 2 * y; yy < 2 * y + 2; yy++) {
            // Two samples side by side in one word of 16 bytes.
            ulonglong2* pair = (ulonglong2*)(raster + (u64)yy * (2 * width) + 2 * x);
            ulonglong2 keys = *pair;
            if (keys.x == EMPTY && keys.y == EMPTY) continue;
            *pair = make_ulonglong2(EMPTY, EMPTY);
            if (hidden) continue;
            for (int i = 0; i < 2; i++) {
                u64 key = i ? keys.y : keys.x;
                if (key == EMPTY) continue;
                const float4* plane = shade + 4 * ((int)(unsigned)key - sheet.first);
                sum = sum + 0.25f * shaded(plane, 2 * x + i, yy);
            }
        }
        unsigned skin = whole(sum.x, sum.w) | whole(sum.y, sum.w) << 8 | whole(sum.z, sum.w) << 16;
        pixel = under(pixel, skin | whole(sum.w, sum.w) << 24);
    }
    person[(u64)y * width + x] = pixel;
}
