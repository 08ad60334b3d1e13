/** How a model expects the pixels of an image in memory; words alone, so that help can list them without loading a model's code. */

/**
 * "flat" is the pixels in channel, row, column order in an input of any shape with as many elements; "flat-transposed" is the
 * same with each channel column by column, as MATLAB and Fortran store an image.
 */
export const LAYOUTS = ['nchw', 'nhwc', 'hw', 'flat', 'flat-transposed'] as const;
export type Layout = (typeof LAYOUTS)[number];

/**
 * Images are red, green, blue; some models (Caffe's, OpenCV's) take them the other way round. "grey-to" repeats a grey image
 * three times for a model of colour images; noise and distances are then those of the three channels.
 */
export const CHANNEL_ORDERS = ['rgb', 'bgr', 'grey-to-rgb', 'grey-to-bgr'] as const;
export type ChannelOrder = (typeof CHANNEL_ORDERS)[number];

/** Whether grey images are read as colour ones, R = G = B. */
export const repeatsGrey = (order: ChannelOrder): boolean => order.startsWith('grey-to-');

/** Whether the model takes blue, green, red. */
export const takesBgr = (order: ChannelOrder): boolean => order.endsWith('bgr');
