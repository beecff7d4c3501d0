// Moves points by their bones and projects them: engines/kernels/skin.py.
//
// points: float4 (P), x, y, z m and how much finer than the picture the point's raster is (1, 2);
// centres: float4 (P), w unused; bone_index: int4 (P); bone_weight: float4 (P); sheet: i32 (P), whose
// bounding box the point belongs to, -1 for none. maps: float4 (3 J); turn: float4 (J); rest:
// float4 (3 J), w unused; view: f32 (3). placed: float4 (P), written: px, px, m, 0. box: int4 per sheet of left, top,
// right, bottom px, to begin with (width, height, 0, 0) of the sheet's raster.
extern "C" __global__ void skin(
    int count, const float4* points, const float4* centres, const int4* bone_index,
    const float4* bone_weight, const int* sheet, const float4* maps, const float4* turn,
    const float4* rest, const float* view, int width, int height, float4* placed, int4* box) {
    int n = thread_x();
    if (n >= count) return;
    float4 point = points[n], c = centres[n], weights = bone_weight[n];
    int4 bones = bone_index[n];
    float x = point.x - c.x, y = point.y - c.y, z = point.z - c.z;
    float w[4] = {weights.x, weights.y, weights.z, weights.w};
    int b[4] = {bones.x, bones.y, bones.z, bones.w};
    float px = 0, py = 0, pz = 0, sx = 0, sy = 0, sz = 0, qw = 0, qx = 0, qy = 0, qz = 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        if (w[k] == 0) continue;
        const float4* m = maps + 3 * b[k];
        const float4* s = rest + 3 * b[k];
        float4 m0 = m[0], m1 = m[1], m2 = m[2], q = turn[b[k]];
        float4 s0 = s[0], s1 = s[1], s2 = s[2];
        px += w[k] * (m0.x * c.x + m0.y * c.y + m0.z * c.z + m0.w);
        py += w[k] * (m1.x * c.x + m1.y * c.y + m1.z * c.z + m1.w);
        pz += w[k] * (m2.x * c.x + m2.y * c.y + m2.z * c.z + m2.w);
        sx += w[k] * (s0.x * x + s0.y * y + s0.z * z);
        sy += w[k] * (s1.x * x + s1.y * y + s1.z * z);
        sz += w[k] * (s2.x * x + s2.y * y + s2.z * z);
        qw += w[k] * q.x;
        qx += w[k] * q.y;
        qy += w[k] * q.z;
        qz += w[k] * q.w;
    }
    float gain = 2.0f / fmaxf(qw * qw + qx * qx + qy * qy + qz * qz, 1e-12f);
    float ax = qy * sz - qz * sy + qw * sx;
    float ay = qz * sx - qx * sz + qw * sy;
    float az = qx * sy - qy * sx + qw * sz;
    px += sx + gain * (qy * az - qz * ay);
    py += sy + gain * (qz * ax - qx * az);
    pz += sz + gain * (qx * ay - qy * ax);
    float fine = point.w;
    float u = fine * (view[0] * px + view[1]), v = fine * (view[0] * py + view[2]);
    placed[n] = make_float4(u, v, pz, 0);
    if (sheet[n] < 0) return;
    float right = fine * width, bottom = fine * height;
    int left = (int)floorf(clamped(u, 0, right)), top = (int)floorf(clamped(v, 0, bottom));
    int4 mine = make_int4(left, top, (int)ceilf(clamped(u, 0, right)), (int)ceilf(clamped(v, 0, bottom)));
    int4* all = box + sheet[n];
    // Few points widen the box: a look first spares the others the wait for one address.
    int4 now = *all;
    if (mine.x < now.x) atomicMin(&all->x, mine.x);
    if (mine.y < now.y) atomicMin(&all->y, mine.y);
    if (mine.z > now.z) atomicMax(&all->z, mine.z);
    if (mine.w > now.w) atomicMax(&all->w, mine.w);
}
