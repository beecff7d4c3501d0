// Landmarks moved to the centre of mass of their heat maps: engines/keypoints/refine.py.
//
// One thread per landmark; the cells of a row are under way together. landmarks: f32 (count, 5), x, y, z px
// of a network's input of ``side`` px, and two more; heat: f32 (count, height, width) logits; least: of
// the hottest cell's share, below which a landmark stays. refined: f32 (count, 3), written: x, y, z as
// shares of the side.
#define REACH 3 // cells: half of the twin's KERNEL
#define COLD -1e30f

extern "C" __global__ void refine(
    int count, const float* landmarks, float side, const float* heat, int width, int height,
    float least, float* refined) {
    int k = thread_x();
    if (k >= count) return;
    float x = landmarks[5 * k] / side, y = landmarks[5 * k + 1] / side;
    float u = x * width, v = y * height;
    if (u > -1 && u < width && v > -1 && v < height) { // no NaN either
        int column = (int)u, row = (int)v;
        const float* map = heat + (u64)k * height * width;
        float total = 0, peak = 0, right = 0, down = 0;
#pragma unroll 1 // 49 cells in a row would be 33 KB of code, each of it fetched to run once
        for (int j = -REACH; j <= REACH; j++) {
#pragma unroll
            for (int i = -REACH; i <= REACH; i++) {
                int a = column + i, b = row + j;
                bool inside = a >= 0 && a < width && b >= 0 && b < height;
                float share = 1.0f / (1.0f + expf(inside ? -map[b * width + a] : -COLD));
                total += share;
                peak = fmaxf(peak, share);
                right += share * i;
                down += share * j;
            }
        }
        if (peak >= least && total > 0) {
            x = (column + right / total) / width;
            y = (row + down / total) / height;
        }
    }
    refined[3 * k] = x;
    refined[3 * k + 1] = y;
    refined[3 * k + 2] = landmarks[5 * k + 2] / side;
}
