// What the pieces of the platform keep of the language. They are loaded when guest code may have replaced it;
// this is a module of the main script, which runs before.

export const { parse, stringify } = JSON;
export const { defineProperty } = Object;
