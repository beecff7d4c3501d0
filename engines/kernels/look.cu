// A turned square of a camera frame, as a network wants it: engines/keypoints/region.py.
//
// The camera frame stays as it was decoded: luma u8 (height, width) and chroma u8 (height / 2, width /
// 2), of NV12 (step 2, blue and red side by side) or YUV420 (step 1), BT.601, video range. Sampled
// with OpenCV's fixed point arithmetic: the networks feel single grey levels.
struct Camera {
    const u8 *luma, *blue, *red;
    int luma_stride, chroma_stride, step, width, height;
    __device__ int3 rgb(int x, int y) const {
        int chroma = (y >> 1) * chroma_stride + (x >> 1) * step;
        // The arithmetic of swscale on x86, through which the CPU's frames come: to the level.
        int l = (luma[y * luma_stride + x] - 16) * 8 * 9539 >> 16;
        int b = (blue[chroma] - 128) * 8, r = (red[chroma] - 128) * 8;
        return make_int3(
            level(l + (r * 13075 >> 16)), level(l + (b * -3209 >> 16) + (r * -6660 >> 16)),
            level(l + (b * 16525 >> 16)));
    }
    static __device__ int level(int value) { return min(max(value, 0), 255); }
};

// matrix: f64 (6), from px of the square to px of the frame, whole numbers at pixel centres;
// replicate: the frame's edge goes on beyond it, else black; out: f32 (size, size, 3), written: gain *
// RGB + bias.
extern "C" __global__ void look(
    int size, const u8* luma, int luma_stride, const u8* blue, const u8* red, int chroma_stride,
    int step, int width, int height, const double* matrix, int replicate, float gain, float bias,
    float* out) {
    int x = thread_x(), y = thread_y();
    if (x >= size || y >= size) return;
    Camera camera = {luma, blue, red, luma_stride, chroma_stride, step, width, height};
    // 32nds of a pixel, as far as an int goes. Cards for games are slow at doubles: no more than needed.
    int u = __double2int_rn((matrix[0] * x + matrix[1] * y + matrix[2]) * 32.0);
    int v = __double2int_rn((matrix[3] * x + matrix[4] * y + matrix[5]) * 32.0);
    int p = u & 31, q = v & 31;
    int red_sum = 512, green_sum = 512, blue_sum = 512; // half of 32 * 32: rounds
    for (int k = 0; k < 4; k++) {
        int i = (u >> 5) + (k & 1), j = (v >> 5) + (k >> 1);
        bool inside = i >= 0 && i < width && j >= 0 && j < height;
        if (!inside && !replicate) continue;
        int weight = (k & 1 ? p : 32 - p) * (k >> 1 ? q : 32 - q);
        int3 rgb = camera.rgb(min(max(i, 0), width - 1), min(max(j, 0), height - 1));
        red_sum += weight * rgb.x;
        green_sum += weight * rgb.y;
        blue_sum += weight * rgb.z;
    }
    float* pixel = out + 3 * (y * size + x);
    pixel[0] = gain * (float)(red_sum >> 10) + bias;
    pixel[1] = gain * (float)(green_sum >> 10) + bias;
    pixel[2] = gain * (float)(blue_sum >> 10) + bias;
}
