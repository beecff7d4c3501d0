"""Which of MediaPipe's networks become which ONNX files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """One ONNX file. path: in the wheel, below mediapipe/modules; size: px, side of its input;
    outputs: names for all TFLite outputs in order; dropped: those that the graph leaves out."""

    name: str
    path: str
    size: int
    outputs: tuple[str, ...]
    dropped: tuple[str, ...] = ()


POSE_PATH = "pose_landmark/pose_landmark_full.tflite"
POSE = ("landmarks", "score", "mask", "heatmap", "world")
FACE_PATH = "face_landmark/face_landmark_with_attention.tflite"
FACE = ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "score")
HAND = ("landmarks", "score", "handedness", "world")
SSD = ("boxes", "scores")
RECIPES = (
    Recipe("pose_detection", "pose_detection/pose_detection.tflite", 224, SSD),
    Recipe("pose_landmark", POSE_PATH, 256, POSE, dropped=("mask",)),
    Recipe("pose_landmark_mask", POSE_PATH, 256, POSE),
    Recipe("face_landmark_with_attention", FACE_PATH, 192, FACE),
    Recipe("selfie_segmentation", "selfie_segmentation/selfie_segmentation.tflite", 256, ("mask",)),
    Recipe("face_landmark", "face_landmark/face_landmark.tflite", 192, ("mesh", "score")),
    Recipe("face_detection", "face_detection/face_detection_short_range.tflite", 128, SSD),
    Recipe("hand_landmark", "hand_landmark/hand_landmark_full.tflite", 224, HAND),
    Recipe("palm_detection", "palm_detection/palm_detection_full.tflite", 192, SSD),
    Recipe("iris_landmark", "iris_landmark/iris_landmark.tflite", 64, ("eye", "iris")),
)
CARRIED = RECIPES[:5]  # by the repository: what live use and enrolment need
