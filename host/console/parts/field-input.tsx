// One field of a config form: the control that fits its type, with label, help and what is wrong.

import type { VNode } from 'preact';

import type { Field } from '../../../sdk/domain.ts';

/** What stands for a secret that is stored. */
const KEPT = '********';

type Props = {
  readonly field: Field;
  readonly value: unknown;
  readonly wrong: string | undefined;
  readonly onChange: (value: unknown) => void;
};

/** The field. */
export function FieldInput(props: Props): VNode {
  const { field, value, wrong } = props;
  const id = `field-${field.name}`;
  const isKept = value === KEPT;
  const help = [
    field.description ?? '',
    isKept ? 'A secret is stored. Leave it as it is, or type a new one.' : '',
    field.default === undefined ? '' : `Default: ${JSON.stringify(field.default)}`,
  ].filter((text) => text !== '');
  const about = {
    id,
    'aria-describedby': `${id}-help`,
    'aria-invalid': wrong === undefined ? ('false' as const) : ('true' as const),
    'aria-required': field.required === true ? ('true' as const) : ('false' as const),
  };
  if (field.type === 'boolean') {
    return (
      <div class="field">
        <label class="check" for={id}>
          <input
            {...about}
            type="checkbox"
            checked={value === undefined ? field.default === true : value === true}
            onChange={({ currentTarget }) => props.onChange(currentTarget.checked)}
          />
          <span>{field.label}</span>
        </label>
        <Help id={id} help={help} wrong={wrong} />
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>
        {field.label}
        {field.required === true ? <span class="quiet"> (required)</span> : null}
      </label>
      <Control {...props} about={about} />
      <Help id={id} help={help} wrong={wrong} />
    </div>
  );
}

function Help({
  id,
  help,
  wrong,
}: {
  readonly id: string;
  readonly help: readonly string[];
  readonly wrong: string | undefined;
}): VNode {
  return (
    <div id={`${id}-help`}>
      {wrong === undefined ? null : <div class="wrong">{wrong}</div>}
      {help.map((text) => (
        <div key={text} class="help">
          {text}
        </div>
      ))}
    </div>
  );
}

/** What every control is told about its field. */
type About = {
  readonly id: string;
  readonly 'aria-describedby': string;
  readonly 'aria-invalid': 'true' | 'false';
  readonly 'aria-required': 'true' | 'false';
};

function Control(props: Props & { readonly about: About }): VNode {
  const { field, value, onChange, about } = props;
  const { type, options = [] } = field;
  if (type === 'select') return <Select {...props} />;
  if (type === 'multiselect' || type === 'tags') {
    return (
      <input
        {...about}
        value={Array.isArray(value) ? value.join(', ') : shown(value)}
        placeholder={options.map((option) => option.value).join(', ') || 'one, two'}
        onChange={({ currentTarget }) => onChange(split(currentTarget.value))}
      />
    );
  }
  if (type === 'textarea' || type === 'markdown') {
    return (
      <textarea
        {...about}
        rows={4}
        value={shown(value)}
        onInput={({ currentTarget }) => onChange(orAbsent(currentTarget.value))}
      />
    );
  }
  return <Line {...props} />;
}

/** One line of text, of the kind that its type asks for. */
function Line({ field, value, onChange, about }: Props & { readonly about: About }): VNode {
  const { type, min, max } = field;
  const isNumber = type === 'number';
  const rest = {
    ...about,
    spellcheck: false,
    value: shown(value),
    onInput: ({ currentTarget: { value: text } }: { currentTarget: HTMLInputElement }) =>
      onChange(isNumber ? numberOf(text) : orAbsent(text)),
  };
  if (type === 'password') {
    const onFocus = ({ currentTarget }: { currentTarget: HTMLInputElement }): void => {
      if (value === KEPT) currentTarget.select();
    };
    return <input {...rest} type="password" autocomplete="new-password" onFocus={onFocus} />;
  }
  if (isNumber) return <input {...rest} type="number" step="any" min={min} max={max} />;
  if (type === 'email') return <input {...rest} type="email" autocomplete="off" />;
  if (type === 'color') return <input {...rest} type="color" />;
  if (type === 'time') return <input {...rest} type="time" />;
  return <input {...rest} type="text" autocomplete="off" />;
}

function Select({
  field: { options = [], required },
  value,
  onChange,
  about,
}: Props & { readonly about: About }): VNode {
  return (
    <select
      {...about}
      value={shown(value)}
      onChange={({ currentTarget }) => {
        const chosen = options.find((option) => String(option.value) === currentTarget.value);
        onChange(chosen?.value);
      }}
    >
      <option value="">{required === true ? 'Choose…' : '–'}</option>
      {options.map((option) => (
        <option key={option.value} value={String(option.value)}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** An empty control is a field that was left out, not an empty text. */
function orAbsent(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function numberOf(text: string): number | undefined {
  return text === '' ? undefined : Number(text);
}

function split(text: string): string[] | undefined {
  const list = text.split(',').map((each) => each.trim());
  const filled = list.filter((each) => each !== '');
  return filled.length === 0 ? undefined : filled;
}
