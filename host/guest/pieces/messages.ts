// MessageChannel and its ports.

export * from '../platform/message-channel.ts';
