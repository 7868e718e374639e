// What the four routes kept from the seed answer: existing panels read exactly these keys.

import { CATEGORIES } from '../catalog/categories.ts';
import { json } from './answers.ts';

const string = { type: 'string' } as const;
const names = { type: 'array', items: string } as const;
const byCategory = Object.fromEntries(CATEGORIES.map((category) => [category, names]));

/** `{"servers":[…],"gateways":[…],"others":[…]}` */
export const EXTENSION_LISTS = {
  200: json('Names by category', {
    type: 'object',
    required: CATEGORIES,
    properties: byCategory,
  }),
};

/** `{"servers":[…]}` */
export const CATEGORY_LIST = {
  200: json('Names under the category that was asked for', {
    type: 'object',
    minProperties: 1,
    maxProperties: 1,
    properties: byCategory,
  }),
};

/** `{name,description,version,author,type}` */
export const METADATA = {
  200: json('What its manifest says', {
    type: 'object',
    required: ['name', 'description', 'version', 'author', 'type'],
    properties: {
      name: string,
      description: string,
      version: string,
      author: string,
      type: { type: 'string', description: 'server, gateway, notification or other' },
    },
  }),
};

/** An array of form fields, in the order of the form. */
export const CONFIG_FIELDS = {
  200: json('Form fields', {
    type: 'array',
    items: {
      type: 'object',
      required: ['name', 'type', 'label', 'description', 'required'],
      properties: {
        name: string,
        type: {
          type: 'string',
          enum: [
            'text',
            'password',
            'number',
            'boolean',
            'select',
            'textarea',
            'email',
            'color',
            'tags',
            'time',
            'file',
            'markdown',
            'multiselect',
          ],
        },
        label: string,
        description: string,
        required: { type: 'boolean' },
        default: {},
        options: {
          type: 'array',
          items: {
            type: 'object',
            required: ['value', 'label'],
            properties: { value: { type: ['string', 'number'] }, label: string },
          },
        },
        min: { type: 'number' },
        max: { type: 'number' },
        live: { type: 'boolean' },
      },
    },
  }),
};
