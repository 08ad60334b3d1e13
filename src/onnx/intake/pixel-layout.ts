/** How a model expects the pixels of an image in memory; words alone, so that help can list them without loading a model's code. */

export const LAYOUTS = ['nchw', 'nhwc', 'hw', 'flat'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Images are red, green, blue; some models (Caffe's, OpenCV's) take them the other way round. */
export const CHANNEL_ORDERS = ['rgb', 'bgr'] as const;
export type ChannelOrder = (typeof CHANNEL_ORDERS)[number];
