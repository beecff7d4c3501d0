// Lets colours appear where they have left what covers them: engines/kernels/fade.py.
//
// colours, out: float4 (N) premultiplied RGBA; placed: float4 (N) px; covered: i32 (M), points that
// have a cover; covers: float4 (M) px; near, far: m; view: f32, px per metre of the picture, of which
// these points' raster is ``fine`` times as fine.
extern "C" __global__ void fade(
    int count, const float4* colours, const float4* placed, const int* covered,
    const float4* covers, float near, float far, const float* view, float fine, float4* out) {
    int m = thread_x();
    if (m >= count) return;
    int n = covered[m];
    float4 point = placed[n], cover = covers[m];
    float metre = fine * view[0], dx = point.x - cover.x, dy = point.y - cover.y;
    float t = (sqrtf(dx * dx + dy * dy) - near * metre) / (far * metre - near * metre);
    t = clamped(t, 0, 1);
    out[n] = t * t * (3.0f - t - t) * colours[n];
}
