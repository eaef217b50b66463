def export_onnx(model, path, half=False):
    raise NotImplementedError
