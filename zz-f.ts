import * as tf from "@tensorflow/tfjs-core";
import { openBackend } from "./src/engine/tfjs/backend.js";
await openBackend("tfjs-wasm");
const oh = tf.oneHot(tf.tensor1d([1,2],"int32"), 3, 1, 0, "float32"); console.log(oh.dtype, oh.dataSync());
const p = tf.softmax(tf.tensor2d([[1,2,3],[3,2,1]])); console.log(tf.sub(p, oh).dataSync(), tf.mul(tf.sub(p,oh), tf.tensor2d([0.1,0.2],[2,1])).dataSync());
