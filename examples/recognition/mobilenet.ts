/** The model, which the package of nsfwjs ships as modules: a topology, and weights in base64. */

export { MobileNetV2Model } from "npm:nsfwjs@4.4.0/models/mobilenet_v2";
