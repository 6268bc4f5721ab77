"""A run's predictions in the formats of public benchmarks, and networks as ONNX."""
