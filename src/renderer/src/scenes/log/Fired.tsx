import { addressOfLog } from '../../app/address.ts';

/** The deliveries that a call into the lab has fired. */
export function Fired({ logIds }: { logIds: readonly string[] }) {
  return (
    <>
      <h3>What it has fired</h3>
      {logIds.length === 0 ? (
        <p className="quiet">Nothing.</p>
      ) : (
        <ul>
          {logIds.map((logId) => (
            <li key={logId}>
              <a href={addressOfLog(logId)}>
                <code>{logId}</code>
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
