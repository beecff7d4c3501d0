// Lays every rasterised mesh over the picture, back to front: engines/kernels/lay.py.
//
// One thread per pixel goes through all sheets, so the picture is written once, and leaves the
// rasters EMPTY for the next frame. order: i32 (sheets), back to front; texels: float4, all textures,
// premultiplied RGBA 0..255; flow: float4 (F, 2) and shade: float4 (F, 4), see planes.cu; person:
// float4 (H, W) premultiplied RGBA 0..255, written.
static __device__ float4 sample(const Sheet& sheet, const float4* texels, const float4* flow, int x, int y) {
    float4 p = flow[0], q = flow[1];
    float dx = (float)x + 0.5f - p.x, dy = (float)y + 0.5f - p.y;
    float u = p.z + p.w * dx + q.x * dy - 0.5f, v = q.y + q.z * dx + q.w * dy - 0.5f;
    u = clamped(u, 0, (float)sheet.width - 1.001f);
    v = clamped(v, 0, (float)sheet.height - 1.001f);
    int i = (int)u, j = (int)v;
    float r = u - (float)i, s = v - (float)j;
    const float4* texel = texels + sheet.texture + j * sheet.width + i;
    float w11 = r * s, w01 = r - w11, w10 = s - w11, w00 = 1.0f - r - w10;
    return w00 * texel[0] + w01 * texel[1] + w10 * texel[sheet.width] + w11 * texel[sheet.width + 1];
}

static __device__ float4 shaded(const float4* shade, int x, int y) {
    float4 p = shade[0], q = shade[1], r = shade[2], s = shade[3];
    float dx = (float)x + 0.5f - p.x, dy = (float)y + 0.5f - p.y;
    return make_float4(
        clamped(p.z + p.w * dx + q.x * dy, 0, 255), clamped(q.y + q.z * dx + q.w * dy, 0, 255),
        clamped(r.x + r.y * dx + r.z * dy, 0, 255), clamped(r.w + s.x * dx + s.y * dy, 0, 255));
}

extern "C" __global__ void paint(
    int width, int height, int count, const int* order, const Sheet* sheets, const int4* box,
    u64* nearest, const float4* texels, const float4* flow, const float4* shade, float4* person) {
    int x = thread_x(), y = thread_y();
    if (x >= width || y >= height) return;
    float4 pixel = make_float4(0, 0, 0, 0);
    for (int k = 0; k < count; k++) {
        Sheet sheet = sheets[order[k]];
        int4 limit = box[order[k]];
        int fine = sheet.fine;
        if (fine * x + fine <= limit.x || fine * x >= limit.z) continue;
        if (fine * y + fine <= limit.y || fine * y >= limit.w) continue;
        u64* raster = nearest + sheet.canvas;
        if (fine == 1) {
            u64 key = raster[(u64)y * width + x];
            if (key == EMPTY) continue;
            raster[(u64)y * width + x] = EMPTY;
            const float4* plane = flow + 2 * ((int)(unsigned)key - sheet.first);
            pixel = over(sample(sheet, texels, plane, x, y), pixel);
            continue;
        }
        float4 sum = make_float4(0, 0, 0, 0);
        bool hit = false;
        for (int yy = 2 * y; yy < 2 * y + 2; yy++) {
            // Two samples side by side in one word of 16 bytes.
            ulonglong2* pair = (ulonglong2*)(raster + (u64)yy * (2 * width) + 2 * x);
            ulonglong2 keys = *pair;
            if (keys.x == EMPTY && keys.y == EMPTY) continue;
            hit = true;
            *pair = make_ulonglong2(EMPTY, EMPTY);
            for (int i = 0; i < 2; i++) {
                u64 key = i ? keys.y : keys.x;
                if (key == EMPTY) continue;
                const float4* plane = shade + 4 * ((int)(unsigned)key - sheet.first);
                sum = sum + 0.25f * shaded(plane, 2 * x + i, yy);
            }
        }
        if (hit) pixel = over(sum, pixel);
    }
    person[(u64)y * width + x] = pixel;
}
