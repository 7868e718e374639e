// The stream classes, from the reference-grade ponyfill.

export * from 'web-streams-polyfill';
