// A dialog of the browser's own, opened and closed by a signal: focus, Escape and the page behind it are its business.
import { createEffect, type JSX, Show } from "solid-js";

export function Dialog(props: {
  readonly open: boolean;
  readonly title: string;
  readonly testid: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: JSX.Element;
}) {
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (props.open && !dialog.open) dialog.showModal();
    if (!props.open && dialog.open) dialog.close();
  });
  // The browser tells of a closing in a task of its own, later: by then the next key may have opened another dialog,
  // which is not to be shut by what was told of this one. So Escape goes through the signal, as the button does.
  const onCancel = (event: Event) => {
    event.preventDefault();
    props.onClose();
  };
  const onClosed = () => {
    if (props.open && !dialog.open) props.onClose();
  };
  const onBackdrop = (event: MouseEvent) => {
    if (event.target === dialog) props.onClose();
  };
  return (
    <dialog
      ref={dialog}
      class="sheet"
      classList={{ wide: props.wide ?? false }}
      aria-labelledby={`${props.testid}-title`}
      data-testid={props.testid}
      onCancel={onCancel}
      onClose={onClosed}
      onClick={onBackdrop}
      onKeyDown={() => {}}
    >
      <div class="sheet-body">
        <div class="sheet-head">
          <h2 id={`${props.testid}-title`}>{props.title}</h2>
          <button type="button" class="chip" onClick={() => props.onClose()}>
            Close
          </button>
        </div>
        <Show when={props.open}>{props.children}</Show>
      </div>
    </dialog>
  );
}
