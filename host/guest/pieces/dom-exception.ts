// DOMException.

export * from '../platform/dom-exception.ts';
