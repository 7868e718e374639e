// The URLPattern class.

export { URLPattern } from 'urlpattern-polyfill/urlpattern';
